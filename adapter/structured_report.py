"""What does a DICOM measurement report (PS3.16 TID 1500) say, in the form in which we want PET to be sent in FHIR?

Numbers and codes only: nothing is judged here, and no picture is opened. Needs the extra `dicom`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from adapter.facts.statements import Coded, Coding
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import FactKind
from adapter.terminology.systems import systems_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ENCODER = msgspec.json.Encoder(decimal_format="number")
# DICOM once wrote the annotation of an SUV unit before the unit; in UCUM it stands behind.
_ANNOTATION_FIRST = re.compile(r"(\{[^}]*\})([^./].*)")
_SEXES = {"F": "female", "M": "male", "O": "other"}
Resource = dict[str, Any]


class NotAReport(Exception):
    """The file is no DICOM measurement report with an SUV in it; the message says what it is."""


def bundle_of(files: Sequence[bytes], books: Knowledge) -> bytes:
    """One FHIR Bundle with what these reports of one patient say; raises NotAReport."""
    resources: dict[str, Resource] = {}
    for content in files:
        for resource in _resources(_read(content), books):
            resources.setdefault(f"{resource['resourceType']}/{resource['id']}", resource)
    entries = [{"fullUrl": f"{books.canonical}/{name}", "resource": resource} for name, resource in resources.items()]
    return _ENCODER.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _read(content: bytes) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        report = dcmread(BytesIO(content))
    except InvalidDicomError as error:
        raise NotAReport("it is no DICOM file") from error
    if "ContentSequence" not in report:
        raise NotAReport(f"it is a DICOM object of modality {report.get('Modality', 'unknown')}, and no structured report")
    return report


def _resources(report: Dataset, books: Knowledge) -> Iterator[Resource]:
    """The patient, the study, the lesions, and one Observation for each SUV."""
    reading = _Reading(report, books)
    found = list(reading.lesions_and_observations())
    if not found:
        raise NotAReport("it is a structured report without a measurement group that holds an SUV")
    yield reading.patient
    yield reading.study
    yield from found


class _Reading:
    """One report while it is read."""

    def __init__(self, report: Dataset, books: Knowledge) -> None:
        self._report, self._books = report, books
        concepts = books.rules["structured-report-concepts"].words
        self._site, self._side = frozenset(concepts["site"]), frozenset(concepts["side"])
        self._subject = {"reference": f"Patient/{self.patient['id']}"}

    @property
    def patient(self) -> Resource:
        """The patient by the identifier alone; names and birth dates stay in the report."""
        number = str(self._report.get("PatientID", ""))
        found = {"resourceType": "Patient", "id": sha256(number.encode()).hexdigest()[:32], "identifier": [{"value": number or "not sent"}]}
        sex = _SEXES.get(str(self._report.get("PatientSex", "")))
        return found | ({"gender": sex} if sex else {})

    @property
    def study(self) -> Resource:
        """The study that the report is about."""
        uid = str(self._report.StudyInstanceUID)
        identifier = [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}]
        found = {"resourceType": "ImagingStudy", "id": uid, "identifier": identifier, "status": "available", "subject": self._subject}
        return found | ({"started": self._day} if self._day else {})

    @property
    def _day(self) -> str | None:
        date = str(self._report.get("StudyDate", "") or "")
        return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == len("YYYYMMDD") and date.isdigit() else None

    def lesions_and_observations(self) -> Iterator[Resource]:
        """One Observation for each SUV of each measurement group, with its lesion and with what the report says of the whole scan."""
        groups = [item for item in _tree(self._report) if any(self._is_suv(child) for child in _children(item))]
        inside = {id(item) for group in groups for item in _tree(group)}
        shared = [
            part for item in _tree(self._report) if id(item) not in inside and (part := self._component(item, self._books.scan_words))
        ]
        for group in groups:
            for number in _children(group):
                if self._is_suv(number):
                    lesion = self._lesion(group, number)
                    yield from [lesion] if lesion else []
                    yield self._observation(group, number, shared, lesion)

    def _lesion(self, group: Dataset, number: Dataset) -> Resource | None:
        """The lesion, under a name that is the same in the next report: what the report calls it, else its site and side."""
        site, sides = self._place([*_children(group), *_children(number)])
        labels = [str(item.TextValue) for item in _children(group) if item.ValueType == "TEXT" and "lesion-label" in self._asked(item)]
        if not labels and site is None:
            return None
        known_by = [self.patient["id"], *(labels[:1] or [f"{one.system}|{one.code}" for one in (site, *sides) if one])]
        found: Resource = {"resourceType": "BodyStructure", "id": sha256(_ENCODER.encode(known_by)).hexdigest()[:32]}
        found |= {"patient": self._subject}
        found |= {"description": labels[0]} if labels else {}
        found |= {"location": _concept([site])} if site else {}
        return found | ({"locationQualifier": [_concept([side]) for side in sides]} if sides else {})

    def _observation(self, group: Dataset, number: Dataset, shared: list[Resource], lesion: Resource | None) -> Resource:
        words = self._books.lesion_words | self._books.scan_words
        own = [part for item in _children(group) if not self._is_suv(item) and (part := self._component(item, words))]
        said = [part["code"] for part in own]
        components = [*own, *(part for part in shared if part["code"] not in said)]
        found: Resource = {
            "resourceType": "Observation",
            "id": "",
            "status": "final",
            "code": _concept([self._coding(_name(number))]),
            "subject": self._subject,
            "partOf": [{"reference": f"ImagingStudy/{self.study['id']}"}],
        }
        found |= {"effectiveDateTime": self._day} if self._day else {}
        found |= self._value(number)
        ways = [self._coding(_value(child)) for child in _children(number) if child.ValueType == "CODE" and not self._is_place(child)]
        found |= {"method": _concept(ways)} if ways else {}
        found |= {"focus": [{"reference": f"BodyStructure/{lesion['id']}"}]} if lesion else {}
        found |= {"component": components} if components else {}
        # The name comes from the content, so that reading a report twice gives the same resources.
        return found | {"id": sha256(_ENCODER.encode([str(self._report.SOPInstanceUID), found])).hexdigest()[:32]}

    def _component(self, item: Dataset, words: frozenset[str]) -> Resource | None:
        """An item as a component, when its concept asks for one of these facts."""
        if "ConceptNameCodeSequence" not in item or not self._asked(item) & words:
            return None
        value = self._value(item)
        return {"code": _concept([self._coding(_name(item))])} | value if value else None

    def _value(self, item: Dataset) -> Resource:
        """The value of an item: a number with its unit, a code or a text; empty when it has none."""
        if item.ValueType == "NUM" and item.get("MeasuredValueSequence"):
            measured = item.MeasuredValueSequence[0]
            unit = measured.MeasurementUnitsCodeSequence[0]
            system = systems_of(self._books).name(str(unit.get("CodingSchemeDesignator", "")))
            # The digits as they stand in the file: a float would change them.
            written = str(unit.get("CodeValue", ""))
            amount = {"value": Decimal(str(measured.NumericValue)), "unit": written}
            return {"valueQuantity": amount | {"system": system, "code": _ANNOTATION_FIRST.sub(r"\2\1", written)}}
        if item.ValueType == "CODE":
            return {"valueCodeableConcept": _concept([self._coding(_value(item))])}
        if item.ValueType == "TEXT" and item.get("TextValue"):
            return {"valueString": str(item.TextValue)}
        return {}

    def _place(self, items: Iterable[Dataset]) -> tuple[Coding | None, list[Coding]]:
        """The site of the lesion, and the side that stands below it."""
        for item in items:
            if item.ValueType == "CODE" and _key(_name(item)) in self._site:
                sides = [child for child in _children(item) if child.ValueType == "CODE" and _key(_name(child)) in self._side]
                return self._coding(_value(item)), [self._coding(_value(side)) for side in sides]
        return None, []

    def _is_place(self, item: Dataset) -> bool:
        return _key(_name(item)) in self._site | self._side

    def _is_suv(self, item: Dataset) -> bool:
        shapes = (self._books.facts[word] for word in self._asked(item) & self._books.lesion_words) if item.ValueType == "NUM" else ()
        return any(shape.kind is FactKind.UPTAKE and shape.otherwise for shape in shapes)

    def _asked(self, item: Dataset) -> frozenset[str]:
        """The facts that the concept of an item asks for."""
        coding = self._coding(_name(item))
        rows = self._books.codes.get("observation", {}).get((coding.system, coding.code), ())
        return frozenset(row.fact for row in rows)

    def _coding(self, code: Dataset) -> Coding:
        """A code of DICOM as one of FHIR; a private scheme has no URI, so its code stands without a system."""
        system = systems_of(self._books).name(str(code.get("CodingSchemeDesignator", "")))
        number = str(code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or "")
        return Coding(system if ":" in system else "", number, str(code.get("CodeMeaning", "")))


def _tree(item: Dataset) -> Iterator[Dataset]:
    """Every item below this one, in the order of the report."""
    for child in _children(item):
        yield child
        yield from _tree(child)


def _children(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence") or ())


def _name(item: Dataset) -> Dataset:
    from pydicom.dataset import Dataset as Empty

    names = item.get("ConceptNameCodeSequence") or ()
    return names[0] if names else Empty()


def _value(item: Dataset) -> Dataset:
    code: Dataset = item.ConceptCodeSequence[0]
    return code


def _key(code: Dataset) -> str:
    return f"{code.get('CodingSchemeDesignator', '')}|{code.get('CodeValue', '')}"


def _concept(codings: Iterable[Coding]) -> Resource:
    coded = Coded(codings=tuple(codings))
    return {"coding": [{name: part for name, part in one._asdict().items() if part} for one in coded.codings]}
