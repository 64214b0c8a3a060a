"""The fields of R4 resources that we read, as typed structs; everything else in a resource is passed over without being built.

Decimals keep their digits (`2.50` stays 2.50), which R4 requires (datatypes, decimal) and most JSON parsers lose.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct

Code = Annotated[str, Meta(max_length=1000)]


class Part(Struct, frozen=True, gc=False, omit_defaults=True):
    """The base of everything that is read."""


class Identifier(Part, frozen=True):
    system: str = ""
    value: str = ""
    use: str = ""


class Coding(Part, frozen=True):
    system: str = ""
    code: Code = ""
    display: str = ""


class Extension(Part, frozen=True, rename="camel"):
    url: str = ""
    value_codeable_concept: Concept | None = None
    value_coding: Coding | None = None
    value_reference: Reference | None = None
    value_quantity: Quantity | None = None
    extension: tuple[Extension, ...] = ()


class Concept(Part, frozen=True):
    coding: tuple[Coding, ...] = ()
    text: str = ""
    extension: tuple[Extension, ...] = ()


class Reference(Part, frozen=True):
    reference: str = ""
    identifier: Identifier | None = None


class Quantity(Part, frozen=True):
    value: Decimal | None = None
    comparator: str = ""
    unit: str = ""
    system: str = ""
    code: str = ""


class Range(Part, frozen=True):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Part, frozen=True):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Unread(Part, frozen=True):
    """Something that was sent and whose content is not read."""


class Period(Part, frozen=True):
    start: str = ""
    end: str = ""


class ResourceMeta(Part, frozen=True, rename="camel"):
    version_id: str = ""
    last_updated: str = ""
    profile: tuple[str, ...] = ()


class Valued(Part, frozen=True, rename="camel", kw_only=True):
    """What Observation and its components share: a code and a value of one of many types, or the reason for none."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_date_time: str | None = None
    value_time: str | None = None
    value_period: Unread | None = None
    value_sampled_data: Unread | None = None
    data_absent_reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()


class Component(Valued, frozen=True, rename="camel", kw_only=True):
    """Observation.component."""


class Whole(Part, frozen=True, rename="camel", kw_only=True, tag_field="resourceType", tag=True):
    """What all resources that we read share; the name of the class is the resourceType."""

    id: str = ""
    meta: ResourceMeta | None = None
    contained: tuple[msgspec.Raw, ...] = ()
    extension: tuple[Extension, ...] = ()
    identifier: tuple[Identifier, ...] = ()
    status: str = ""
    subject: Reference | None = None


class Observation(Valued, frozen=True, rename="camel", kw_only=True, tag_field="resourceType", tag="Observation"):
    """A struct has one base, and this one shares its values with its components."""

    id: str = ""
    meta: ResourceMeta | None = None
    contained: tuple[msgspec.Raw, ...] = ()
    extension: tuple[Extension, ...] = ()
    status: str = ""
    subject: Reference | None = None
    focus: tuple[Reference, ...] = ()
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    issued: str | None = None
    body_site: Concept | None = None
    method: Concept | None = None
    specimen: Reference | None = None
    has_member: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    derived_from: tuple[Reference, ...] = ()
    component: tuple[Component, ...] = ()


class DiagnosticReport(Whole, frozen=True, kw_only=True):
    code: Concept | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    specimen: tuple[Reference, ...] = ()
    result: tuple[Reference, ...] = ()
    imaging_study: tuple[Reference, ...] = ()


class ConditionStage(Part, frozen=True):
    summary: Concept | None = None
    type: Concept | None = None
    assessment: tuple[Reference, ...] = ()


class Condition(Whole, frozen=True, kw_only=True):
    verification_status: Concept | None = None
    code: Concept | None = None
    body_site: tuple[Concept, ...] = ()
    onset_date_time: str | None = None
    onset_period: Period | None = None
    recorded_date: str | None = None
    stage: tuple[ConditionStage, ...] = ()


class Collection(Part, frozen=True, rename="camel"):
    collected_date_time: str | None = None
    collected_period: Period | None = None
    method: Concept | None = None
    body_site: Concept | None = None


class Specimen(Whole, frozen=True, kw_only=True):
    accession_identifier: Identifier | None = None
    type: Concept | None = None
    received_time: str | None = None
    collection: Collection | None = None


class Procedure(Whole, frozen=True, kw_only=True):
    code: Concept | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    reason_reference: tuple[Reference, ...] = ()
    reason_code: tuple[Concept, ...] = ()
    body_site: tuple[Concept, ...] = ()
    part_of: tuple[Reference, ...] = ()
    report: tuple[Reference, ...] = ()


class Ingredient(Part, frozen=True, rename="camel"):
    item_codeable_concept: Concept | None = None


class Medication(Whole, frozen=True, kw_only=True):
    code: Concept | None = None
    ingredient: tuple[Ingredient, ...] = ()


class Dosage(Part, frozen=True):
    dose: Quantity | None = None


class Series(Part, frozen=True):
    extension: tuple[Extension, ...] = ()


class ImagingStudy(Whole, frozen=True, kw_only=True):
    started: str | None = None
    procedure_reference: Reference | None = None
    procedure_code: tuple[Concept, ...] = ()
    series: tuple[Series, ...] = ()


class BodyStructure(Whole, frozen=True, kw_only=True):
    description: str = ""
    location: Concept | None = None
    location_qualifier: tuple[Concept, ...] = ()


class MedicationRequest(Whole, frozen=True, kw_only=True):
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    authored_on: str | None = None
    reason_reference: tuple[Reference, ...] = ()
    reason_code: tuple[Concept, ...] = ()


class MedicationAdministration(Whole, frozen=True, kw_only=True):
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    part_of: tuple[Reference, ...] = ()
    dosage: Dosage | None = None
    reason_reference: tuple[Reference, ...] = ()
    reason_code: tuple[Concept, ...] = ()


class MedicationStatement(Whole, frozen=True, kw_only=True):
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    reason_reference: tuple[Reference, ...] = ()
    reason_code: tuple[Concept, ...] = ()


class Patient(Whole, frozen=True, kw_only=True):
    birth_date: str | None = None
    gender: str | None = None


Resource = (
    Observation
    | DiagnosticReport
    | Condition
    | Specimen
    | Procedure
    | Medication
    | MedicationRequest
    | MedicationAdministration
    | MedicationStatement
    | ImagingStudy
    | BodyStructure
    | Patient
)

READ_TYPES = frozenset(kind.__name__ for kind in get_args(Resource))


class Kind(Part, frozen=True, rename="camel"):
    """Enough of what came to know whether it is a Bundle."""

    resource_type: str = ""


class Head(Part, frozen=True, rename="camel"):
    """Enough of any resource to know what it is."""

    resource_type: str = ""
    id: str = ""


class Holder(Part, frozen=True):
    """What stands inside a resource that is not read itself."""

    contained: tuple[msgspec.Raw, ...] = ()


class Request(Part, frozen=True):
    """Bundle.entry.request of a transaction or history."""

    method: str = ""
    url: str = ""


class Entry(Part, frozen=True, rename="camel"):
    """One entry with its resource still unread, so that a bad one cannot spoil the others."""

    full_url: str = ""
    resource: msgspec.Raw = msgspec.Raw(b"")
    request: Request | None = None


class Filled(Part, frozen=True, rename="camel"):
    """One entry with its resource read in the same pass."""

    full_url: str = ""
    resource: Resource | msgspec.UnsetType = msgspec.UNSET
    request: Request | None = None


class Ready(Part, frozen=True, rename="camel"):
    """A Bundle of nothing but what we read, without a fault."""

    resource_type: str = ""
    entry: tuple[Filled, ...] = ()


class Packed(Part, frozen=True, rename="camel"):
    """A Bundle whose entries are all well formed; their resources are still unread."""

    resource_type: str = ""
    entry: tuple[Entry, ...] = ()


class Bundle(Part, frozen=True):
    """A Bundle with unread entries, so that not even a `null` among them can spoil the others."""

    entry: tuple[msgspec.Raw, ...] = ()


read_kind = msgspec.json.Decoder(Kind).decode
read_head = msgspec.json.Decoder(Head).decode
read_holder = msgspec.json.Decoder(Holder).decode
read_entry = msgspec.json.Decoder(Entry).decode
read_ready = msgspec.json.Decoder(Ready).decode
read_packed = msgspec.json.Decoder(Packed).decode
read_bundle = msgspec.json.Decoder(Bundle).decode
read_resource = msgspec.json.Decoder(Resource).decode
