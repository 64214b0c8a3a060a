"""What does a registry get of each case? The columns of the table, in order, with what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

# A column with one of these names has a second one, `..._kind`, that says why there is no value; `..._possible` lists what is left.
KINDS = (
    "not-applicable, indeterminate or not-assessable where the question was asked and has no value; null where it has one or was not asked"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, the kind of its values (`text`, `texts`, `count`, `changes`), and what it says."""

    name: str
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of answer that gets columns: the result code, its basis where several are asked, and whether possible values are listed."""

    column: str
    result: str
    says: str
    basis: str | None = None
    is_open_listed: bool = False


_TISSUE = "of the governing specimen"
_SCAN = "of the newest scan"

QUESTIONS = (
    Question("anatomic_stage_clinical", "anatomic-stage", "Anatomic stage from clinical categories", "clinical", is_open_listed=True),
    Question(
        "anatomic_stage_pathological", "anatomic-stage", "Anatomic stage from pathological categories", "pathological", is_open_listed=True
    ),
    Question("clinical_prognostic_stage", "clinical-prognostic-stage", "Clinical prognostic stage", is_open_listed=True),
    Question("pathological_prognostic_stage", "pathological-prognostic-stage", "Pathological prognostic stage", is_open_listed=True),
    Question("er_status", "er-status", f"Estrogen receptor status {_TISSUE}"),
    Question("pr_status", "pr-status", f"Progesterone receptor status {_TISSUE}"),
    Question("her2_status", "her2-status", f"HER2 status {_TISSUE}"),
    Question("her2_low", "her2-low", f"HER2-low {_TISSUE}"),
    Question("her2_ultralow", "her2-ultralow", f"HER2-ultralow {_TISSUE}"),
    Question("hormone_receptor_status", "hormone-receptor-status", f"Hormone receptor status {_TISSUE}"),
    Question("receptor_subtype", "receptor-subtype", f"Receptor subtype {_TISSUE}", is_open_listed=True),
    Question("surrogate_subtype", "surrogate-intrinsic-subtype", f"Surrogate intrinsic subtype {_TISSUE}", is_open_listed=True),
    Question("grade", "grade", f"Histologic grade {_TISSUE}"),
    Question("ki67_category", "ki67-category", f"Ki-67 category {_TISSUE}"),
    Question("recurrence_score_category", "recurrence-score-category", "Recurrence score category"),
    Question("disease_extent", "disease-extent", "Disease extent"),
    Question("metastatic_presentation", "metastatic-presentation", "Whether the cancer was metastatic from the start"),
    Question("pathologic_complete_response", "pathologic-complete-response", "Pathologic complete response"),
    Question("fdg_staging_indication", "fdg-staging-indication", "Whether FDG PET/CT is endorsed for initial staging"),
    Question("fdg_early_response", "fdg-early-response", f"Early FDG response (TBCRC026) {_SCAN}"),
    Question("phergain_response", "phergain-response", f"PHERGain response {_SCAN}"),
    Question("percist_response", "percist-response", f"PERCIST response {_SCAN}"),
    Question("eortc_response", "eortc-response", f"EORTC response {_SCAN}"),
    Question("er_heterogeneity", "er-heterogeneity", "FES and FDG side by side"),
    Question("her2_heterogeneity", "her2-heterogeneity", "HER2 PET heterogeneity"),
)


def _columns_of(question: Question) -> list[Column]:
    made = [Column(question.column, "text", question.says), Column(f"{question.column}_kind", "text", f"Of {question.column}: {KINDS}")]
    possible = Column(f"{question.column}_possible", "texts", f"Of {question.column}: the values that are still possible")
    return [*made, possible] if question.is_open_listed else made


COLUMNS = (
    Column("patient_id", "text", "The id of the Patient resource"),
    Column(
        "case_id", "text", "The id of the cancer's Condition, with the side where one Condition stands for both; `no-condition` without one"
    ),
    Column("side", "text", "left or right; null where nobody says"),
    Column("histology", "text", "Histology of the Condition"),
    Column("diagnosed_on", "text", "The day, month or year that the Condition names, as precise as it was sent"),
    Column("governing_specimen", "text", "The specimen whose receptors govern the case"),
    *(column for question in QUESTIONS for column in _columns_of(question)),
    Column("response_tracer", "text", "The tracer that the PERCIST and EORTC responses speak of"),
    Column(
        "uptake_changes",
        "changes",
        "Every change of uptake between two scans: tracer, lesion, scan, measure, percent; without percent, the kind",
    ),
    Column("hints_matching", "texts", "Published indications that match"),
    Column("hints_possible", "texts", "Published indications that may match"),
    Column("missing_tests", "texts", "Recommended tests that are not on file"),
    Column("flags", "texts", "Every flag of the case and of its answers, each once"),
    Column("answers_determined", "count", "Answers of the case with a value"),
    Column("answers_undetermined", "count", "Answers of the case without a value"),
    Column("patient_cases", "count", "Cases of this patient"),
    Column("patient_errors", "count", "Issues of severity error about this patient"),
    Column("patient_warnings", "count", "Issues of severity warning about this patient"),
    Column("patient_notes", "count", "Issues of severity information about this patient"),
)
CHANGE = (("tracer", "text"), ("lesion", "text"), ("scan", "text"), ("measure", "text"), ("percent", "number"), ("kind", "text"))


def schema() -> pa.Schema:
    """The table as Arrow has it, each column with what it says as its description."""
    import pyarrow as pa

    plain = {"text": pa.string(), "texts": pa.list_(pa.string()), "count": pa.int32(), "number": pa.float64()}
    change = pa.struct([pa.field(name, plain[kind]) for name, kind in CHANGE])
    types = plain | {"changes": pa.list_(change)}
    return pa.schema([pa.field(one.name, types[one.kind], metadata={"description": one.says}) for one in COLUMNS])


def described() -> str:
    """The columns as a Markdown table."""
    rows = [f"| `{one.name}` | {one.kind} | {one.says} |" for one in COLUMNS]
    return "\n".join(["| column | values | what it says |", "| --- | --- | --- |", *rows])
