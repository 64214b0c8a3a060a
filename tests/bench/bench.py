"""How long does an interpretation take beside reading the same Bundle with fhir.resources alone? `make bench` prints it.

The Bundles are made here, from a seed: one patient with a breast cancer among laboratory results and vital signs.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret
from adapter.worked_cases import proved

SIZES = (10, 100, 1_000)
RUNS = 9
SEED = 20261101
REPORT = Path(__file__).parent.parent.parent / "build" / "bench.json"
DEMO = Path(__file__).parent.parent.parent / "fixtures" / "luminal-b-like-stage-iib" / "input.json"

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
)

Resource = dict[str, Any]


def bundle_of(entries: int) -> bytes:
    """A Bundle with this many entries: the demonstration patient, whole or in part, then noise."""
    random = Random(SEED + entries)  # noqa: S311 - The numbers are for a measurement and keep no secret.
    tumor = json.loads(DEMO.read_bytes())["entry"][:entries]
    subject = tumor[0]["resource"]["id"]
    made = [_entry(_noise(number, subject, random)) for number in range(entries - len(tumor))]
    everything = [*tumor, *made]
    # The tumor stands where it may: in a chart the results that matter are not the first ones.
    random.shuffle(everything)
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": everything}).encode()


def _entry(resource: Resource) -> Resource:
    return {"fullUrl": f"http://hospital.example.org/fhir/Observation/{resource['id']}", "resource": resource}


def _noise(number: int, subject: str, random: Random) -> Resource:
    code, display, unit, low, high = random.choice(NOISE)
    day = f"202{random.randint(3, 6)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    return {
        "resourceType": "Observation",
        "id": f"noise-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{day}T08:00:00Z"},
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": f"{day}T07:30:00Z",
        "issued": f"{day}T08:00:00Z",
        "valueQuantity": {
            "value": round(random.uniform(low, high), 1),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


def milliseconds(work: Callable[[], object]) -> float:
    """The median time of one piece of work, after one run that is not counted."""
    work()
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def measured(books: Knowledge) -> Iterator[Resource]:
    """For each size: the two ways to ask us, and the plain validation beside them, in the same run."""
    from fhir.resources.R4B.bundle import Bundle

    moment = datetime(2026, 11, 1, tzinfo=UTC)
    checked, trusted = Request(issued=moment), Request(issued=moment, trusted=True)
    for entries in SIZES:
        content = bundle_of(entries)
        plain = milliseconds(partial(Bundle.model_validate_json, content))
        ours = {
            "checked": milliseconds(partial(interpret, [content], books, checked)),
            "trusted": milliseconds(partial(interpret, [content], books, trusted)),
        }
        yield {
            "entries": entries,
            "bytes": len(content),
            "milliseconds": {name: round(value, 2) for name, value in (ours | {"fhir.resources": plain}).items()},
            "times as fast as fhir.resources": {name: round(plain / value, 1) for name, value in ours.items()},
        }


def main() -> int:
    """Measure, print a line for each size, and keep the numbers in build/bench.json."""
    books = proved()
    rows = []
    print(f"{'entries':>8} {'kB':>7} {'checked':>12} {'trusted':>12} {'fhir.resources':>16}   (ms, median of {RUNS})")
    for row in measured(books):
        times, ratios = row["milliseconds"], row["times as fast as fhir.resources"]
        ours = " ".join(f"{times[name]:>6.1f} {ratios[name]:>4.1f}x" for name in ("checked", "trusted"))
        print(f"{row['entries']:>8} {row['bytes'] / 1000:>7.1f} {ours} {times['fhir.resources']:>16.1f}")
        rows.append(row)
    REPORT.parent.mkdir(exist_ok=True)
    setting = {"python": platform.python_version(), "knowledge": books.version, "seed": SEED, "runs": RUNS}
    REPORT.write_text(json.dumps(setting | {"rows": rows}, indent=2) + "\n", encoding="utf-8")
    print(f"Times as fast as Bundle.model_validate_json of fhir.resources.R4B stand behind ours. Kept in build/{REPORT.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
