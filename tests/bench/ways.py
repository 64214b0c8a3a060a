"""Ours, and three ways to do a part of the same work: (a) fhir.resources, (b) orjson, (c) fhirpathpy."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from fhir.resources.R4B.bundle import Bundle
from fhirpathpy import compile as compiled
from fhirpathpy.models import models

from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret

ISSUED = datetime(2026, 11, 1, tzinfo=UTC)
# What a program without an adapter would ask for: the value and the day of each of these results.
ASKED = (
    "85329-1",
    "85325-9",
    "85319-2",
    "85330-9",
    "44648-4",
    "399504009",
    "399534004",
    "399387003",
    "126406",
    "718-7",
    "777-3",
    "2160-0",
    "29463-7",
)
FACTS = [
    f"Bundle.entry.resource.where(resourceType = 'Observation' and code.coding.code = '{code}').{element}"
    for code in ASKED
    for element in ("value", "effectiveDateTime")
]
# CPU seconds after which no further run of one way is begun.
ENOUGH = 6.0
RUNS = 15

Work = Callable[[], object]


def ways(content: bytes, books: Knowledge) -> dict[str, Work]:
    """Everything that is measured on one chart, by name."""
    checked, trusted = Request(issued=ISSUED), Request(issued=ISSUED, trusted=True)
    answer = orjson.loads(interpret([content], books, trusted).bundle)
    return {
        "checked": partial(interpret, [content], books, checked),
        "trusted": partial(interpret, [content], books, trusted),
        "a": lambda: Bundle.model_validate_json(content).model_dump_json(),
        "b": lambda: (orjson.loads(content), orjson.dumps(answer)),
        "c": partial(_facts, content, [compiled(path, models["r4"]) for path in FACTS]),
    }


def _facts(content: bytes, paths: list[Callable[[Any], object]]) -> list[object]:
    chart = json.loads(content)
    return [path(chart) for path in paths]


def timed(works: Mapping[str, Work]) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU of each, median and best; the ways take turns, so that a busy machine is busy for all of them."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    gc.collect()
    gc.freeze()
    for _ in range(RUNS):
        for name, work in works.items():
            if sum(taken[name]) < ENOUGH:
                taken[name].append(cpu_seconds(work))
    gc.unfreeze()
    return {name: _said(found) for name, found in taken.items()}


def cpu_seconds(work: Work) -> float:
    """What one run takes of the processor, whoever else uses it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _said(seconds: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds) * 1000, 3), "best": round(min(seconds) * 1000, 3), "runs": len(seconds)}
