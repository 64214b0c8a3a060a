"""Closed word lists: the kinds of answer we give, and the words a fact may carry.

The wire spells them with hyphens (design contract, section 5); these enums are the only place they are spelt in Python.
"""

from __future__ import annotations

from enum import StrEnum


class Result(StrEnum):
    """The kind of an answer: one coding of every Observation.code that we write."""

    ER_STATUS = "er-status"
    PR_STATUS = "pr-status"
    HER2_STATUS = "her2-status"
    HER2_LOW = "her2-low"
    HER2_ULTRALOW = "her2-ultralow"
    HORMONE_RECEPTOR_STATUS = "hormone-receptor-status"
    RECEPTOR_SUBTYPE = "receptor-subtype"
    SURROGATE_SUBTYPE = "surrogate-intrinsic-subtype"
    KI67_CATEGORY = "ki67-category"
    GRADE = "grade"
    RECURRENCE_SCORE_CATEGORY = "recurrence-score-category"
    MAMMAPRINT_CATEGORY = "mammaprint-category"
    T_CATEGORY = "t-category"
    N_CATEGORY = "n-category"
    M_CATEGORY = "m-category"
    ANATOMIC_STAGE = "anatomic-stage"
    CLINICAL_PROGNOSTIC_STAGE = "clinical-prognostic-stage"
    PATHOLOGICAL_PROGNOSTIC_STAGE = "pathological-prognostic-stage"
    UPTAKE_CHANGE = "uptake-change"
    FDG_EARLY_RESPONSE = "fdg-early-response"
    PHERGAIN_RESPONSE = "phergain-response"
    PERCIST_RESPONSE = "percist-response"
    EORTC_RESPONSE = "eortc-response"
    FES_UPTAKE = "fes-uptake"
    ER_HETEROGENEITY = "er-heterogeneity"
    HER2_PET_UPTAKE = "her2-pet-uptake"
    HER2_HETEROGENEITY = "her2-heterogeneity"
    TUMOR_TO_BACKGROUND_RATIO = "tumor-to-background-ratio"
    FDG_STAGING_INDICATION = "fdg-staging-indication"
    FDG_UPSTAGING = "fdg-upstaging"
    DISEASE_EXTENT = "disease-extent"
    METASTATIC_PRESENTATION = "metastatic-presentation"
    RECEPTOR_DISCORDANCE = "receptor-discordance"
    PATHOLOGIC_COMPLETE_RESPONSE = "pathologic-complete-response"
    RESIDUAL_CANCER_BURDEN = "residual-cancer-burden"
    TMB_CATEGORY = "tmb-category"
    MSI_CATEGORY = "msi-category"
    PD_L1_CATEGORY = "pd-l1-category"
    GENE_ALTERATION = "gene-alteration"
    THERAPY_HINT = "therapy-hint"
    MISSING_TEST = "missing-test"


class Circumstance(StrEnum):
    """What may be known of a patient as a whole: the words that cited sentences and published indications ask for."""

    ER = "er"
    PR = "pr"
    HR = "hr"
    HER2 = "her2"
    HER2_EXPRESSION = "her2-expression"
    SUBTYPE = "subtype"
    HISTOLOGY = "histology"
    GRADE = "grade"
    STAGE = "stage"
    T = "t"
    N = "n"
    SIZE = "size"
    POSITIVE_NODES = "positive-nodes"
    EXTENT = "extent"
    LOCALLY_ADVANCED = "locally-advanced"
    PRESENTATION = "presentation"
    BONE_METASTASIS = "bone-metastasis"
    BONE_DISEASE = "bone-disease"
    OTHER_PRIMARY = "other-primary"
    MENOPAUSE = "menopause"
    SEX = "sex"
    OPERATED = "operated"
    SURGERY_FIRST = "surgery-first"
    PCR = "pcr"
    CPS_EG = "cps-eg"
    HIGH_RISK = "high-risk"
    PRIOR_ENDOCRINE = "prior-endocrine"
    PRIOR_ENDOCRINE_METASTATIC = "prior-endocrine-metastatic"
    ENDOCRINE_RESISTANT = "endocrine-resistant"
    PRIOR_CHEMOTHERAPY = "prior-chemotherapy"
    PRIOR_CHEMOTHERAPY_METASTATIC = "prior-chemotherapy-metastatic"
    PRIOR_TAXANE = "prior-taxane"
    PRIOR_ANTI_HER2 = "prior-anti-her2"
    PRIOR_TRASTUZUMAB = "prior-trastuzumab"
    PRIOR_LINES = "prior-lines"
    PRIOR_SYSTEMIC = "prior-systemic"
    NO_ALTERNATIVE = "no-alternative"
    GERMLINE_BRCA = "germline-brca"
    PIK3CA = "pik3ca"
    PIK3CA_AKT1_PTEN = "pik3ca-akt1-pten"
    ESR1 = "esr1"
    TMB = "tmb"
    MSI = "msi"
    PD_L1 = "pd-l1"


class Basis(StrEnum):
    """Which classification a T, N, M or stage belongs to (AJCC chapter 1: c, p, yc, yp, r, a)."""

    CLINICAL = "clinical"
    PATHOLOGICAL = "pathological"
    POST_THERAPY_CLINICAL = "post-therapy-clinical"
    POST_THERAPY_PATHOLOGICAL = "post-therapy-pathological"
    RECURRENCE = "recurrence"
    AUTOPSY = "autopsy"
    UNSPECIFIED = "unspecified"


class Side(StrEnum):
    """The side of the breast that a case belongs to."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


class Kind(StrEnum):
    """Why there is no value."""

    NOT_APPLICABLE = "not-applicable"
    INDETERMINATE = "indeterminate"
    NOT_ASSESSABLE = "not-assessable"


class Severity(StrEnum):
    """How much an issue matters, in the words of OperationOutcome."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class SpecimenKind(StrEnum):
    """Where the tissue came from, as far as the message says; blood is no tissue."""

    PRIMARY = "primary"
    METASTASIS = "metastasis"
    REGIONAL_NODE = "regional-node"
    BLOOD = "blood"
    UNKNOWN = "unknown"


class Sampling(StrEnum):
    """How the tissue was taken, as far as the message says."""

    BIOPSY = "biopsy"
    RESECTION = "resection"
    UNKNOWN = "unknown"


class Timing(StrEnum):
    """Whether the tissue was taken before or after systemic treatment began, as far as the message says."""

    BEFORE_TREATMENT = "before-treatment"
    AFTER_TREATMENT = "after-treatment"
    UNKNOWN = "unknown"


class TissueFlag(StrEnum):
    """The flags that say whether the answers of a specimen speak for the case."""

    GOVERNING = "governing"
    GOVERNING_NOT_KNOWN = "governing-not-known"
    IN_SITU = "in-situ-specimen"


class Origin(StrEnum):
    """Whether an alteration is inherited or the tumor's own; `unknown` where nobody says so for certain."""

    GERMLINE = "germline"
    SOMATIC = "somatic"
    UNKNOWN = "unknown"


class Significance(StrEnum):
    """What an alteration means, in the five classes of ClinVar; likely benign counts as benign."""

    PATHOGENIC = "pathogenic"
    LIKELY_PATHOGENIC = "likely-pathogenic"
    VUS = "vus"
    BENIGN = "benign"
    UNKNOWN = "unknown"
