"""Who is in a synthetic cohort? People with breast cancer among laboratory results and vital signs, made from a seed.

Each has about 100 resources of about 1.3 kB: receptors, grade, Ki-67, TNM, and for some PET before and during therapy. Gaps are on purpose:
a value that is missing is missing at random, as in a registry. No number here comes from a person.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from io import BufferedWriter
from pathlib import Path
from random import Random
from typing import Any

Resource = dict[str, Any]

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
DICOM, OURS = "http://dicom.nema.org/resources/ontology/DCM", "https://breast-adapter.example/fhir/CodeSystem/input"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition"
SYSTEMIC = ("trastuzumab", "pertuzumab", "docetaxel", "letrozole")
PER_PATIENT = 100

# What an ordinary chart holds beside the tumor: LOINC code, display, unit and a plausible range.
NOISE = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 9, 16),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 3, 12),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 120, 400),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0, 2),
    ("29463-7", "Body weight", "kg", 50, 110),
    ("8867-4", "Heart rate", "/min", 50, 110),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 95, 170),
    ("26499-4", "Neutrophils [#/volume] in Blood", "10*3/uL", 1, 8),
    ("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 10, 60),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 70, 180),
)
GRADES = (("LA27823-6", "Nottingham grade 1"), ("LA27824-4", "Nottingham grade 2"), ("LA27825-1", "Nottingham grade 3"))
IHC = (("LA11841-6", "1+"), ("LA11842-4", "2+"), ("LA11843-2", "3+"))
T = (("1228895000", "cT1b"), ("1228899006", "cT1c"), ("1228929004", "cT2"), ("1228938002", "cT3"), ("1228948000", "cT4d"))
N = (("1229967007", "cN0"), ("1229973008", "cN1"), ("1229981009", "cN2a"), ("1229985000", "cN3a"))
M = (("1229901006", "cM0"), ("1229903009", "cM1"))
PATHOLOGICAL_T = (("1229846008", "pT1c"), ("1229852009", "pT2"), ("1229859000", "pT3"))
PATHOLOGICAL_N = (("1229947003", "pN0"), ("1229954009", "pN1a"), ("1229959004", "pN2a"))
SIDES = (
    ("left", "353431000119107", "80248007", "Left breast structure (body structure)"),
    ("right", "353511000119101", "73056007", "Right breast structure (body structure)"),
)


class Person:
    """One patient while their record is being made: a name, chance, the side and the cancer that results point at."""

    def __init__(self, number: int, seed: int) -> None:
        self.name = f"c{number:06d}"
        self.chance = Random(f"{seed}-{number}")  # noqa: S311 - The numbers are for tests and measurements and keep no secret.
        self.side, self.condition_code, self.site, self.site_display = self.chance.choice(SIDES)
        self.year = 2020 + number % 6
        self.is_her2_positive = self.chance.random() < 0.2
        self.has_hormone_receptors = self.chance.random() < 0.78

    def id(self, what: str) -> str:
        """An id that no other resource of the cohort has."""
        return f"{self.name}-{what}"

    def happens(self, share: float) -> bool:
        """True for this share of the people."""
        return self.chance.random() < share

    def day(self, month: int, day: int) -> str:
        """A day of the year in which the cancer was found."""
        return f"{self.year}-{month:02d}-{day:02d}"


def cohort(patients: int, seed: int = 20261122, per_patient: int = PER_PATIENT) -> Iterator[Resource]:
    """Every resource of the cohort, the shared ones first."""
    yield {"resourceType": "Organization", "id": "hospital", "name": "Synthetic Hospital"}
    for drug in SYSTEMIC:
        yield {"resourceType": "Medication", "id": drug, "code": {"text": drug}}
    for number in range(patients):
        yield from record(Person(number, seed), per_patient)


def record(person: Person, per_patient: int) -> list[Resource]:
    """The whole record of one person; one in fifty has no breast cancer on file."""
    made = [_patient(person)]
    if not person.happens(0.02):
        made += [*_diagnosis(person), *_tissue(person), *_stages(person)]
        if person.happens(0.3):
            made += [*_pet(person)]
        made += [*_treatment(person)]
    made.append(_provenance(person))
    made += [_noise(person, number) for number in range(max(0, per_patient - len(made)))]
    return made


def _patient(person: Person) -> Resource:
    return {
        "resourceType": "Patient",
        "id": person.name,
        "meta": {"profile": [f"{MCODE}/mcode-cancer-patient"]},
        "identifier": [{"system": "http://hospital.example.org/mrn", "value": person.name.upper()}],
        "name": [{"family": "Synthetic", "given": ["Test"]}],
        "gender": "female",
        "birthDate": f"{person.year - 35 - person.chance.randrange(45)}-05-14",
    }


def _diagnosis(person: Person) -> Iterator[Resource]:
    histology = ("82711006", "Infiltrating duct carcinoma (morphologic abnormality)")
    yield {
        "resourceType": "Condition",
        "id": person.id("cancer"),
        "meta": {"profile": [f"{MCODE}/mcode-primary-cancer-condition"]},
        "extension": [{"url": f"{MCODE}/mcode-histology-morphology-behavior", "valueCodeableConcept": _concept(SNOMED, *histology)}],
        "clinicalStatus": _concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "verificationStatus": _concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "category": [_concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
        "code": _concept(SNOMED, person.condition_code, f"Primary malignant neoplasm of female {person.side} breast (disorder)"),
        "subject": _subject(person),
        "onsetDateTime": person.day(1, 20),
    }
    # A specimen that names its patient only through the results that point at it: R4 allows it.
    named = {"subject": _subject(person)} if person.happens(0.7) else {}
    yield {
        "resourceType": "Specimen",
        "id": person.id("biopsy"),
        "meta": {"profile": [f"{MCODE}/mcode-human-specimen"]},
        "status": "available",
        "type": _concept("http://terminology.hl7.org/CodeSystem/v2-0487", "TISS"),
        **named,
        "collection": {
            "collectedDateTime": person.day(1, 18),
            "bodySite": _concept(SNOMED, person.site, person.site_display),
            "method": _concept(SNOMED, "86273004", "Biopsy (procedure)"),
        },
    }


def _tissue(person: Person) -> Iterator[Resource]:
    chance = person.chance
    made: list[Resource] = []
    for what, code, display, most in (
        ("er", "85329-1", "Cells.estrogen receptor/100 cells in Breast cancer specimen by Immune stain", 100),
        ("pr", "85325-9", "Cells.progesterone receptor/100 cells in Breast cancer specimen by Immune stain", 100),
        ("ki67", "85330-9", "Cells.Ki-67 nuclear Ag/100 cells in Breast cancer specimen by Immune stain", 90),
    ):
        if person.happens(0.93):
            percent = chance.randint(1, most) if what == "ki67" or person.has_hormone_receptors else 0
            made.append(_result(person, what, (LOINC, code, display), person.day(1, 18), valueQuantity=_quantity(percent, "%")))
    score = IHC[2] if person.is_her2_positive else chance.choice(IHC[:2])
    her2 = (LOINC, "85319-2", "HER2 [Presence] in Breast cancer specimen by Immune stain")
    if person.happens(0.95):
        made.append(_result(person, "her2-ihc", her2, person.day(1, 18), valueCodeableConcept=_concept(LOINC, *score)))
    if score == IHC[1] and person.happens(0.8):
        made += _in_situ(person)
    if person.happens(0.9):
        grade = (LOINC, "44648-4", "Histologic grade [Score] in Breast cancer specimen by Nottingham")
        made.append(_result(person, "grade", grade, person.day(1, 18), valueCodeableConcept=_concept(LOINC, *chance.choice(GRADES))))
    yield from made
    yield {
        "resourceType": "DiagnosticReport",
        "id": person.id("pathology"),
        "status": "final",
        "code": _concept(LOINC, "60568-3", "Pathology Synoptic report"),
        "subject": _subject(person),
        "effectiveDateTime": person.day(1, 18),
        "result": [{"reference": f"Observation/{one['id']}"} for one in made] + [{"reference": f"Observation/{person.id('noise-0')}"}],
    }


def _in_situ(person: Person) -> list[Resource]:
    ratio, copies = round(person.chance.uniform(0.9, 3), 1), round(person.chance.uniform(1.5, 7), 1)
    day = person.day(1, 25)
    asked = (
        ("her2-ratio", "49683-6", "ERBB2 gene copy number/Chromosome 17 copy number in Tissue by FISH", ratio),
        ("her2-copies", "74860-8", "ERBB2 gene copy number/nucleus in Tissue by FISH", copies),
    )
    return [_result(person, what, (LOINC, code, shown), day, valueQuantity=_quantity(value, "1")) for what, code, shown, value in asked]


def _stages(person: Person) -> Iterator[Resource]:
    chance = person.chance
    found_m = M[1] if person.happens(0.06) else M[0]
    sent = [
        ("cT category", "399504009", chance.choice(T)),
        ("cN category", "399534004", chance.choice(N)),
        ("cM category", "399387003", found_m),
    ]
    if person.happens(0.4):
        sent += [("pT category", "384625004", chance.choice(PATHOLOGICAL_T)), ("pN category", "371494008", chance.choice(PATHOLOGICAL_N))]
    for display, code, (value, shown) in sent:
        if person.happens(0.95):
            concept = _concept(SNOMED, value, f"American Joint Committee on Cancer {shown} (qualifier value)")
            what = display.partition(" ")[0].lower()
            yield _observation(person, what, (SNOMED, code, display), person.day(2, 3), "imaging", valueCodeableConcept=concept)


def _pet(person: Person) -> Iterator[Resource]:
    chance = person.chance
    place = {"location": _concept(SNOMED, person.site, person.site_display)}
    lesion = [{"system": "http://hospital.example.org/lesions", "value": person.id("primary")}]
    yield {"resourceType": "BodyStructure", "id": person.id("primary"), "identifier": lesion, **place, "patient": _subject(person)}
    before = round(chance.uniform(4, 15), 1)
    after = round(before * chance.uniform(0.15, 1.25), 1)
    for scan, day, value in (("baseline", person.day(2, 3), before), ("day-15", person.day(2, 23), after)):
        modality = [{"system": DICOM, "code": "PT", "display": "Positron emission tomography"}]
        study = {"resourceType": "ImagingStudy", "id": person.id(f"pet-{scan}"), "status": "available", "modality": modality}
        yield study | {"subject": _subject(person), "started": f"{day}T09:00:00Z"}
        yield _uptake(person, scan, day, value)


def _uptake(person: Person, scan: str, day: str, value: float) -> Resource:
    unit = "g/ml{SUVlbm(James128)}"
    fdg = _concept(SNOMED, "35321007", "Fluorodeoxyglucose F^18^")
    measured = (("uptake-time", 60, "min"), ("fasting-time", 360, "min"), ("blood-glucose", 95, "mg/dL"), ("liver-mean", 1.6, unit))
    components = [{"code": _concept(DICOM, "123001", "Radiopharmaceutical"), "valueCodeableConcept": fdg}]
    components += [{"code": _concept(OURS, word), "valueQuantity": _quantity(number, of)} for word, number, of in measured]
    made = _observation(person, f"suv-{scan}", (DICOM, "126406", "SUVlbm(James128)"), day, "imaging", valueQuantity=_quantity(value, unit))
    made["focus"].append({"reference": f"BodyStructure/{person.id('primary')}"})
    made |= {"partOf": [{"reference": f"ImagingStudy/{person.id(f'pet-{scan}')}"}], "component": components}
    return made | {"method": _concept(SNOMED, "56851009", "Maximum")}


def _treatment(person: Person) -> Iterator[Resource]:
    drugs = SYSTEMIC[:3] if person.is_her2_positive else SYSTEMIC[3:]
    for drug in drugs:
        yield {
            "resourceType": "MedicationAdministration",
            "id": person.id(drug),
            "meta": {"profile": [f"{MCODE}/mcode-cancer-related-medication-administration"]},
            "status": "completed",
            "medicationReference": {"reference": f"Medication/{drug}"},
            "subject": _subject(person),
            "effectiveDateTime": person.day(2, 9),
            "reasonReference": [{"reference": f"Condition/{person.id('cancer')}"}],
        }


def _provenance(person: Person) -> Resource:
    target = [{"reference": f"Observation/{person.id('er')}"}]
    agent = [{"who": {"reference": "Organization/hospital"}}]
    return {
        "resourceType": "Provenance",
        "id": person.id("provenance"),
        "target": target,
        "recorded": "2026-01-01T00:00:00Z",
        "agent": agent,
    }


def _noise(person: Person, number: int) -> Resource:
    """Another result of the chart, with everything around it that a record system sends and nobody here reads."""
    code, display, unit, low, high = person.chance.choice(NOISE)
    day = person.day(1 + number % 12, 1 + number % 28)
    made = _observation(person, f"noise-{number}", (LOINC, code, display), day, "laboratory")
    made["code"]["text"] = display
    del made["focus"]
    return made | {
        "meta": {"versionId": "1", "lastUpdated": f"{day}T08:00:00Z", "source": "urn:synthetic:laboratory", "tag": [{"code": "synthetic"}]},
        "identifier": [{"system": "http://hospital.example.org/results", "value": f"{person.name}/{number}"}],
        "encounter": {"reference": f"Encounter/{person.id(f'visit-{number % 7}')}"},
        "issued": f"{day}T08:00:00Z",
        "performer": [{"reference": "Organization/hospital", "display": "Central laboratory of the synthetic hospital"}],
        "valueQuantity": _quantity(round(person.chance.uniform(low, high), 1), unit),
        "referenceRange": [{"low": _quantity(low, unit), "high": _quantity(high, unit), "text": f"{low} to {high} {unit}"}],
        "note": [{"text": "Measured on the analyzer of the central laboratory; released automatically after plausibility checks."}],
    }


def _result(person: Person, what: str, code: tuple[str, str, str], day: str, **value: object) -> Resource:
    made = _observation(person, what, code, day, "laboratory", **value)
    return made | {"specimen": {"reference": f"Specimen/{person.id('biopsy')}"}}


def _observation(person: Person, what: str, code: tuple[str, str, str], day: str, category: str, **value: object) -> Resource:
    return {
        "resourceType": "Observation",
        "id": person.id(what),
        "status": "final",
        "category": [_concept("http://terminology.hl7.org/CodeSystem/observation-category", category)],
        "code": _concept(*code),
        "subject": _subject(person),
        "focus": [{"reference": f"Condition/{person.id('cancer')}"}],
        "effectiveDateTime": day,
        **value,
    }


def _subject(person: Person) -> dict[str, str]:
    return {"reference": f"Patient/{person.name}"}


def _concept(system: str, code: str, display: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} | ({"display": display} if display else {})]}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def write(folder: Path, resources: Iterable[Resource], *, files: int = 1, zipped: bool = False) -> int:
    """The resources as a Bulk Data export writes them, a file or several for each type; how many lines there are."""
    folder.mkdir(parents=True, exist_ok=True)
    ending = ".ndjson.gz" if zipped else ".ndjson"
    lines = 0
    with ExitStack() as opened:
        writers: dict[str, Callable[[bytes], object]] = {}
        for lines, resource in enumerate(resources, start=1):
            name = f"{resource['resourceType']}.{lines % files}{ending}"
            if name not in writers:
                writers[name] = _opened(folder / name, opened, zipped)
            writers[name](json.dumps(resource, separators=(",", ":")).encode() + b"\n")
    return lines


def _opened(path: Path, opened: ExitStack, zipped: bool) -> Callable[[bytes], object]:
    plain: BufferedWriter = opened.enter_context(path.open("wb"))
    return opened.enter_context(gzip.GzipFile(path.name, "wb", 6, plain, mtime=0)).write if zipped else plain.write
