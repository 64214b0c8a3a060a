"""Charts made from a seed: one patient with breast cancer, receptors, TNM and PET, among laboratory results and vital signs.

What matters comes from the fixtures, so that no code is invented here; what surrounds it is as long as an electronic record writes it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
DEMO = "her2-positive-fdg-response"
# Of a chart too short for the whole patient: receptors, TNM and one SUV.
FIRST = ("p01", "right-breast-cancer", "er", "pr", "her2-ihc", "ct2", "cn2a", "cm0", "primary-baseline")
BASE = "http://hospital.example.org/fhir"

# What an ordinary chart holds beside the tumor: LOINC code, display, unit, a plausible range, and the category.
NOISE = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 9, 16, "laboratory"),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 3, 12, "laboratory"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 120, 400, "laboratory"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0, 2, "laboratory"),
    ("26499-4", "Neutrophils [#/volume] in Blood", "10*3/uL", 1, 8, "laboratory"),
    ("29463-7", "Body weight", "kg", 50, 110, "vital-signs"),
    ("8867-4", "Heart rate", "/min", 50, 110, "vital-signs"),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 95, 170, "vital-signs"),
)

Resource = dict[str, Any]


@cache
def fixture(name: str) -> bytes:
    """The input of a scenario, as it stands."""
    return (FIXTURES / name / "input.json").read_bytes()


def scenarios() -> list[str]:
    """The names of all scenarios."""
    return sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


def chart(entries: int, seed: int) -> bytes:
    """A Bundle with this many entries of some 1.3 kB: the patient of the demonstration, as far as there is room, then noise."""
    random = Random(f"{seed}-{entries}")  # noqa: S311 - The numbers are for a measurement and keep no secret.
    whole = json.loads(fixture(DEMO))["entry"]
    tumor = whole if entries > len(whole) else [entry for entry in whole if entry["resource"]["id"] in FIRST]
    made = [noise(number, "p01", random) for number in range(entries - len(tumor))]
    return bundle([*tumor, *made], random)


def bundle(entries: list[Resource], random: Random) -> bytes:
    """The entries as a Bundle. In a chart the results that matter are not the first ones, so they are shuffled."""
    random.shuffle(entries)
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}, separators=(",", ":")).encode()


def noise(number: int, patient: str, random: Random) -> Resource:
    """One laboratory result or vital sign, with what a record writes around its number."""
    code, display, unit, low, high, category = random.choice(NOISE)
    day = f"202{random.randint(3, 6)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    value = {"value": round(random.uniform(low, high), 1), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    name = f"noise-{number}"
    return {
        "fullUrl": f"{BASE}/Observation/{name}",
        "resource": {
            "resourceType": "Observation",
            "id": name,
            "meta": {"versionId": "1", "lastUpdated": f"{day}T08:00:00Z"},
            "text": {"status": "generated", "div": _narrative(display, value, day)},
            "identifier": [{"system": "http://hospital.example.org/results", "value": f"R{number:08d}"}],
            "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}], "text": display},
            "subject": {"reference": f"Patient/{patient}", "display": "Synthetic, Test"},
            "encounter": {"reference": f"Encounter/visit-{number // 12}"},
            "effectiveDateTime": f"{day}T07:30:00Z",
            "issued": f"{day}T08:00:00Z",
            "performer": [{"reference": "Organization/laboratory", "display": "Laboratory of the Example Hospital"}],
            "valueQuantity": value,
            "interpretation": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "N"}]}],
            "referenceRange": [{"low": value | {"value": low}, "high": value | {"value": high}, "text": f"{low} to {high} {unit}"}],
        },
    }


def _narrative(display: str, value: Resource, day: str) -> str:
    shown = f"<p><b>{display}</b>: {value['value']} {value['unit']} on {day}</p>"
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{shown}</div>'


def patchwork(seed: int, most_noise: int = 12) -> bytes:
    """A Bundle that nobody would make by hand: a scenario with entries of others, changed numbers and statuses, copies and gaps."""
    random = Random(seed)  # noqa: S311 - As above.
    names = scenarios()
    entries = _entries(random.choice(names))
    patient = _patient(entries)
    for _ in range(random.randint(0, 2)):
        borrowed = _entries(random.choice(names))
        of_another = _patient(borrowed)
        text = json.dumps(random.sample(borrowed, len(borrowed) * 2 // 3)).replace(f'"{of_another}"', f'"{patient}"')
        entries += [entry for entry in json.loads(text) if _kind(entry) != "Patient"]
    for entry in entries:
        _change(entry.get("resource"), random)
    entries = [entry for entry in entries if random.random() > 0.08 or _kind(entry) == "Patient"]
    entries += [json.loads(json.dumps(random.choice(entries))) for _ in range(random.choice((0, 0, 1, 2)))]
    name = patient.rpartition("/")[2].removeprefix("urn:uuid:")
    made = [noise(number, name, random) for number in range(random.randint(0, most_noise))]
    for entry in made:
        entry["resource"]["subject"]["reference"] = patient
        _spoil(entry["resource"], random)
    return bundle([*entries, *made], random)


def _entries(name: str) -> list[Resource]:
    return [entry for entry in json.loads(fixture(name))["entry"] if isinstance(entry, dict)]


def _kind(entry: Resource) -> str:
    return str((entry.get("resource") or {}).get("resourceType"))


def _patient(entries: list[Resource]) -> str:
    """How the others refer to the Patient of these entries."""
    entry = next(entry for entry in entries if _kind(entry) == "Patient")
    url = str(entry.get("fullUrl", ""))
    return url if url.startswith("urn:") else f"Patient/{entry['resource']['id']}"


def _change(resource: Resource | None, random: Random) -> None:
    """Sometimes another number, status, comparator, day or coding."""
    if not resource or random.random() < 0.6:
        return
    quantity = resource.get("valueQuantity")
    match random.randrange(7):
        case 0 if quantity:
            quantity["value"] = random.choice((0, 0.5, 1, 5, 9.99, 10, 14, 20, 20.4, 30, 66, 100, 250, "2.50"))
        case 1 if quantity:
            quantity["comparator"] = random.choice(("<", "<=", ">", ">=", "~"))
        case 2 if "status" in resource:
            resource["status"] = random.choice(("preliminary", "amended", "entered-in-error", "registered", "unknown", "nonsense"))
        case 3 if "effectiveDateTime" in resource:
            resource["effectiveDateTime"] = random.choice(("2026", "2026-02", "2026-02-30", "2026-04-01T10:00:00+02:00", "soon"))
        case 4 if quantity:
            quantity["unit"] = quantity["code"] = random.choice(("%", "cm", "mm", "[in_i]", "1", "g/ml{SUVbw}", "furlong"))
        case 5 if "valueCodeableConcept" in resource:
            resource["valueCodeableConcept"] = {"text": random.choice(("positive", "negative", "3+", "T2", "not done", "so-so"))}
        case 6:
            resource.pop(random.choice(("specimen", "focus", "bodySite", "method", "subject")), None)


def _spoil(resource: Resource, random: Random) -> None:
    """Noise that is no plain laboratory result: another type, a fault, a panel, a code of several, a resource within."""
    match random.randrange(15):
        case 0:
            resource["valueQuantity"]["value"] = "much"
        case 1:
            resource["resourceType"] = random.choice(("Encounter", "Claim", "Patience"))
        case 2:
            resource["hasMember"] = [{"reference": f"Observation/noise-{random.randrange(12)}"}]
        case 3:
            resource["component"] = [{"code": resource.pop("code"), "valueString": "1-10%"}]
        case 4:
            resource["code"] = {"text": random.choice(("HER2 by a new assay", "Oestrogen receptor", "a note", ""))}
        case 5:
            resource["contained"] = [{"resourceType": "Specimen", "id": "tube", "type": {"text": "blood"}}, {"resourceType": "Device"}]
        case 6:
            resource["subject"] = random.choice(({"reference": "Device/scale"}, {"display": "nobody"}, {"reference": "Group/many"}))
        case 7:
            resource["code"]["coding"].append({"system": "http://loinc.org", "code": "85337-4", "display": "Estrogen receptor"})
        case 8:
            resource["valueQuantity"] |= {"value": 10.5e3, "unit": random.choice((7, "kg"))}
