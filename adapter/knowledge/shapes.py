"""The shape of every file in mappings/ that holds rules: a file that does not fit its shape does not load."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import Field

from adapter.facts.frozen import Frozen
from adapter.facts.vocabulary import Basis, Kind, Result, Side
from adapter.knowledge.indications import Hint, RecommendedTest, Wanted

# The cell of a table that stands for an input that was not sent.
UNKNOWN = "unknown"
ANY = "any"


class Source(Frozen):
    """Where something was read; `editions` are those of the code systems that it carries, where it says so."""

    id: str
    title: str
    citation: str
    url: str = ""
    licence: str = ""
    read_as: str = ""
    editions: dict[str, str] = Field(default_factory=dict)
    checked_on: date


class FactKind(StrEnum):
    """What sort of value a fact has; it decides units, text grammar and plausibility."""

    PERCENT = "percent"
    RATIO = "ratio"
    COUNT = "count"
    SCORE = "score"
    LENGTH = "length"
    DURATION = "duration"
    CONCENTRATION = "concentration"
    DENSITY = "density"
    ACTIVITY = "activity"
    MASS = "mass"
    UPTAKE = "uptake"
    GLYCOLYSIS = "glycolysis"
    CATEGORY = "category"


class FactShape(Frozen):
    """One word that a fact may carry, how a person reads it, and what its value may be.

    `otherwise` names the fact that a value belongs to when it is not one of ours (HER2 IHC "Negative" is a status, not a score);
    a category without `values` takes any code or text; `several` lets one value name many things.
    `texts` maps what senders type or count (`2`, `grade 2`) to our value; `ambiguous` lists texts that could mean two things
    and are therefore not used. A fact `of_tracers` has the tracers of every folder as its values, a fact `of_drugs` the drugs; one
    `of_sites` reads the codes of body sites. `rest` is the value of any other code of the systems of `rest_of`; a unit of `odd_units` is
    taken as none and leaves its word among the suffixes of the fact; where `unit_names_kind`, so does a unit of one kind of SUV alone.
    `suffixes` are those that a category may carry in parentheses without another meaning, by what it begins with; `#` stands for a
    number, and any other suffix makes it no value.
    """

    word: str
    display: str = ""
    kind: FactKind
    values: tuple[str, ...] = ()
    at_least: Decimal | None = None
    up_to: Decimal | None = None
    integers: bool = False
    several: bool = False
    of_tracers: bool = False
    of_drugs: bool = False
    of_sites: bool = False
    otherwise: str | None = None
    ambiguous: tuple[str, ...] = ()
    texts: dict[str, str] = Field(default_factory=dict)
    rest: str | None = None
    rest_of: tuple[str, ...] = ()
    odd_units: dict[str, str] = Field(default_factory=dict)
    unit_names_kind: bool = False
    suffixes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    source: str

    @property
    def title(self) -> str:
        """What a person reads for it; the word itself where its folder gives nothing better."""
        return self.display or self.word.replace("-", " ")


class Band(Frozen):
    """A stretch of numbers with what it says; its ends use the four boundary words only."""

    says: str
    below: Decimal | None = None
    up_to: Decimal | None = None
    above: Decimal | None = None
    at_least: Decimal | None = None
    flags: tuple[str, ...] = ()


class Hole(Frozen):
    """Combinations that have no row on purpose, and why."""

    where: dict[str, tuple[str, ...]]
    kind: Kind
    because: str
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Row(Frozen):
    """One line of a table: the cells it covers and what it says."""

    id: str
    cells: dict[str, tuple[str, ...]]
    says: str
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    kind: Kind | None = None
    because: str = ""
    source: str


class BestCategory(StrEnum):
    """What a biomarker is good for, in the words of the BEST glossary of FDA and NIH (Jacene 2024)."""

    RISK = "susceptibility/risk"
    DIAGNOSTIC = "diagnostic"
    MONITORING = "monitoring"
    PROGNOSTIC = "prognostic"
    PREDICTIVE = "predictive"
    RESPONSE = "pharmacodynamic/response"
    SAFETY = "safety"


class Role(StrEnum):
    """Integral biomarkers direct decisions in practice, or inside a trial only; integrated ones are studied and decide nothing."""

    INTEGRAL = "integral"
    INTEGRAL_IN_TRIAL = "integral-in-trial"
    INTEGRATED = "integrated"


class Rule(Frozen):
    """One question with its answer's source: `cutoff` reads bands, `table` reads a CSV, `function` reads its numbers from here.

    A `hint` asks whether a published indication describes the patient.

    A table that `needs_every_input` stays open while an input is missing, even when every completion says the same.
    """

    id: str
    question: str
    operator: Literal["cutoff", "table", "function", "hint"]
    source: str
    checked_on: date
    result: Result | None = None
    fact: str | None = None
    bands: tuple[Band, ...] = ()
    file: str | None = None
    inputs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    holes: tuple[Hole, ...] = Field(default=(), alias="hole")
    rows: tuple[Row, ...] = ()
    needs_every_input: bool = False
    numbers: dict[str, Decimal] = Field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    choice: str | None = None
    scheme: str | None = None
    default: bool = False
    note: str = ""
    licence: str = ""
    status: str = ""
    folder: str = ""
    hint: Hint | None = None
    best: tuple[BestCategory, ...] = ()
    role: Role | None = None


class Context(Frozen):
    """A cited sentence that stands beside an answer; never a patient's prognosis.

    The value `any` goes with every value; `tracers` keeps a sentence to what these tracers show, `genes` to what was found in these genes,
    `items` to these indications,
    `flags` to answers with one of these flags, `when` to patients of whom each of these is known, and `unless` leaves it out where one of
    these holds.
    """

    id: str
    result: Result
    value: str
    text: str
    source: str
    tracers: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    when: Wanted = Field(default_factory=dict)
    unless: Wanted = Field(default_factory=dict)


class Tracer(Frozen):
    """A radiopharmaceutical of PET; ligand and isotope are part of each word, because two of them are never compared.

    `drug_classes` are the treatments that act on the same target; at `barred_sites` normal uptake hides a lesion. `texts` maps the names
    that senders type, in lower case without spaces and brackets, to a word.
    """

    words: tuple[str, ...] = Field(min_length=1)
    target: str
    drug_classes: tuple[str, ...] = ()
    approved: bool
    barred_sites: tuple[str, ...] = ()
    texts: dict[str, str] = Field(default_factory=dict)
    source: str


class Drug(Frozen):
    """One line of a drugs.csv: our word for a drug, the classes it belongs to, and other names by which senders write it."""

    drug: str = Field(pattern=r"^[a-z0-9-]+$")
    classes: tuple[str, ...] = Field(min_length=1)
    names: tuple[str, ...] = ()
    note: str = ""
    source: str


class Name(NamedTuple):
    """A word by which a display names an analyte, and the topic it names."""

    word: str
    topic: str


class PatientAttribute(Frozen):
    """Something about a patient of which every rule set says whether it uses it."""

    word: str = Field(pattern=r"^[a-z-]+$")
    title: str
    source: str


class Making(Frozen):
    """Who made rules, with whose money, and when; without `released_on` they have not been released."""

    developer: str
    funding: str
    released_on: date | None = None
    revised_on: date


class Publication(Frozen):
    """What the rule sets are for, who made them, and the attributes of a patient of which each of them gives account."""

    purpose: str
    usage: str
    made: Making
    attributes: tuple[PatientAttribute, ...] = Field(alias="attribute")


class SourceAttributes(Frozen):
    """How the rules of a topic use each attribute of a patient, in words; and who made them, where that is somebody else."""

    uses: dict[str, str] = Field(default_factory=dict)
    made: Making | None = None


class Topic(Frozen):
    """One folder: what it is about, the words its facts carry, its rules and the sentences that go with them.

    The facts of a `tissue` topic belong to one specimen and are never mixed with those of another, those of a `lesion` topic to one
    lesion. The facts of a `scan` topic describe a whole scan: they count where there is one, and for every cancer of the patient. The
    facts of a `shared` topic are the patient's: where they name no cancer they count for every one.
    """

    topic: str
    title: str
    attributes: SourceAttributes = SourceAttributes()
    names: tuple[str, ...] = ()
    tissue: bool = False
    lesion: bool = False
    scan: bool = False
    shared: bool = False
    facts: tuple[FactShape, ...] = Field(default=(), alias="fact")
    rules: tuple[Rule, ...] = Field(default=(), alias="rule")
    contexts: tuple[Context, ...] = Field(default=(), alias="context")
    hints: tuple[Hint, ...] = Field(default=(), alias="hint")
    tests: tuple[RecommendedTest, ...] = Field(default=(), alias="test")
    tracer: Tracer | None = None
    drugs: tuple[Drug, ...] = ()
    note: str = ""
    licence: str = ""
    status: str = ""


class CaseUptake(Frozen):
    """What a scan of a worked case says of one lesion; numbers as a sender types them."""

    lesion: str
    site: str | None = None
    presence: str = "measured"
    value: str | None = None
    kind: str | None = None
    derivation: str | None = None
    avid: bool | None = None
    size: str | None = None
    glycolysis: str | None = None
    background: str | None = None
    background_site: str | None = None


class CaseScan(Frozen):
    """One PET scan of a worked case: minutes, mg/dL and MBq; liver and blood pool in the scan's own kind of value,
    or in the one that `liver_kind` and `blood_pool_kind` name.

    `session` tells two scans of one day apart.
    """

    tracer: str | None = None
    day: str | None = None
    session: str | None = None
    scanner: str | None = None
    minutes: str | None = None
    fasting: str | None = None
    glucose: str | None = None
    activity: str | None = None
    liver_mean: str | None = None
    liver_sd: str | None = None
    blood_pool_mean: str | None = None
    blood_pool_sd: str | None = None
    liver_kind: str | None = None
    blood_pool_kind: str | None = None
    weight_kg: str | None = None
    height_mm: str | None = None
    uptakes: tuple[CaseUptake, ...] = ()


class CaseDrug(Frozen):
    """A drug that was given in a worked case, as a sender writes its name, with its first and last day."""

    drug: str
    day: str
    last: str | None = None


class WorkedCase(Frozen):
    """A sentence that is a test: what was sent, and the answers it must give.

    `sent` maps fact words to values as a sender types them, all of one specimen; `facts` lists facts with their own
    specimen, day, basis, method or body site, the `observation` whose components they are, what that asks for (`within`), and the
    Observation that they say something of (`implies`). `expect` maps a result (`her2-status`, or `her2-status@core` for one specimen,
    `anatomic-stage@clinical` for one basis, `uptake-change@A` for one lesion, `percist-response@fdg-f18 2026-02-01` for one scan)
    to its value or to the kind of open answer; `none` means that there is no such answer. `treatments` are of unknown drugs, `given` of
    known ones. Of a published indication (`therapy-hint@alpelisib`) `missing` are the conditions that are not known, and `today` is the day
    on which it is asked. `in_situ` and `histology` are of the one diagnosis. `scans` is what PET showed; the name of a scan is
    its tracer with its day.
    """

    name: str
    basis: Basis = Basis.CLINICAL
    sent: dict[str, str] = Field(default_factory=dict)
    facts: tuple[dict[str, str], ...] = ()
    schemes: dict[str, str] = Field(default_factory=dict)
    born: str | None = None
    sex: str | None = None
    today: str | None = None
    in_situ: bool = False
    histology: str | None = None
    treatments: dict[str, str] = Field(default_factory=dict)
    given: tuple[CaseDrug, ...] = ()
    scans: tuple[CaseScan, ...] = ()
    expect: dict[str, str] = Field(min_length=1)
    missing: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    possible: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    flags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    no_flags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    folder: str = ""


class CodeRow(NamedTuple):
    """One line of a codes.csv: a code of theirs and the word of ours it stands for."""

    role: str
    system: str
    code: str
    display: str
    fact: str
    value: str
    basis: Basis | None
    side: Side | None
    note: str
    source: str
    folder: str
