"""What FHIR said, before anyone asks what it means: codes, a value, when, of whom, of which tissue, and where it stands.

The reader makes statements (shape only); the terminology room turns them into facts (our words).
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import field

from adapter.facts.case import Day, Place
from adapter.facts.frozen import Plain
from adapter.facts.measurements import Interval


class Coding(NamedTuple):
    """One code of one system, as sent; `display` is only ever used to doubt the code, never to find one."""

    system: str
    code: str
    display: str = ""


class Coded(Plain, frozen=True, kw_only=True):
    """A CodeableConcept: every coding that was sent, and its text."""

    codings: tuple[Coding, ...] = ()
    text: str = ""


class Measured(Plain, frozen=True, kw_only=True):
    """A Quantity or Range: the interval the sender allows, with the unit as sent (`unit` is the code where there is one)."""

    interval: Interval
    unit: str = ""


class Text(Plain, frozen=True, kw_only=True):
    """A valueString, valueCode or valueBoolean as text."""

    text: str


class Absent(Plain, frozen=True, kw_only=True):
    """No value, and the reason that was sent for it, if any."""

    reason: Coded = Coded()


Value = Coded | Measured | Text | Absent


class SentLesion(NamedTuple):
    """A lesion that a BodyStructure names: a key that lasts from scan to scan, the reference to it, and what it is called."""

    key: str
    reference: str
    label: str = ""


class Statement(Plain, frozen=True, kw_only=True):
    """One assertion: an Observation, one of its components, or one element of another resource.

    `parent` holds the codes of the Observation that a component stands in; `qualifiers` the codings found in extensions
    of the code and of the value (German senders put the c/p prefix there).
    """

    code: Coded
    value: Value
    qualifiers: tuple[Coding, ...] = ()
    parent: Coded | None = None
    status: str = "final"
    taken_on: Day | None = None
    focus: tuple[str, ...] = ()
    specimen: str | None = None
    report: str | None = None
    body_site: Coded | None = None
    method: Coded | None = None
    lesion: SentLesion | None = None
    study: str | None = None
    interpretation: tuple[Coding, ...] = ()
    members: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()
    place: Place


class SentCondition(Plain, frozen=True, kw_only=True):
    """A Condition as sent; whether it is a breast cancer is for the terminology room to say.

    `related` refers to the Conditions that it names as its origin (mCODE: the primary cancer of a secondary one).
    """

    reference: str
    key: str
    code: Coded
    body_sites: tuple[Coded, ...] = ()
    histology: Coded | None = None
    stages: tuple[Coded, ...] = ()
    recorded_on: Day | None = None
    withdrawn: bool = False
    unconfirmed: bool = False
    claims_primary_cancer: bool = False
    claims_secondary_cancer: bool = False
    related: tuple[str, ...] = ()
    place: Place


class SentSpecimen(Plain, frozen=True, kw_only=True):
    """A Specimen as sent."""

    reference: str
    key: str
    type: Coded | None = None
    method: Coded | None = None
    body_site: Coded | None = None
    collected_on: Day | None = None
    place: Place


class SentTreatment(Plain, frozen=True, kw_only=True):
    """A `surgery`, another `procedure` or a `medication` as sent; `claims_cancer` when its profile says that it treats cancer.

    `last_on` is the last day of an administration or a statement; a drug that is `still_taken` has none. `only_ordered` is an
    order that nobody calls completed or stopped. `drugs` are the concepts that name the drug: the product, and each of its ingredients.
    """

    kind: str
    code: Coded | None = None
    drugs: tuple[Coded, ...] = ()
    started_on: Day | None = None
    last_on: Day | None = None
    still_taken: bool = False
    only_ordered: bool = False
    reasons: tuple[str, ...] = ()
    reason_codes: tuple[Coded, ...] = ()
    body_sites: tuple[Coded, ...] = ()
    claims_cancer: bool = False
    place: Place


class SentImaging(Plain, frozen=True, kw_only=True):
    """A report, procedure, administration or imaging study that may say which tracer was given: its codes, and the dose.

    `study` is the name of the scan that it shares with the Observations of that scan.
    """

    codes: tuple[Coded, ...]
    dose: Measured | None = None
    taken_on: Day | None = None
    study: str | None = None
    place: Place


class SentPatient(Plain, frozen=True, kw_only=True):
    """The patient as sent, or as the others refer to them."""

    reference: str
    key: str
    birth_date: Day | None = None
    sex: str | None = None


class Sent(Plain, frozen=True, kw_only=True):
    """All that one request says, before anyone asks what it means."""

    patient: SentPatient
    statements: tuple[Statement, ...] = ()
    conditions: tuple[SentCondition, ...] = ()
    specimens: tuple[SentSpecimen, ...] = ()
    treatments: tuple[SentTreatment, ...] = ()
    other_codes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
