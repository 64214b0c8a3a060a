"""How long does an interpretation take, beside other ways to work on the same chart? `make bench` prints it and says which targets are met.

CPU time is measured, because it does not depend on who else uses the machine; the ratios are those of one run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from tests.bench import over_http
from tests.bench.charts import chart
from tests.bench.ways import FACTS, RUNS, timed, ways

ROOT = Path(__file__).parent.parent.parent
REPORT = ROOT / "build" / "bench.json"
SEED = 20261101
SIZES = (10, 100, 1_000, 10_000)
LARGEST = 10_000

# Entries, ours, the other way, and the most that ours may take of it.
RATIOS = (
    (1_000, "checked", "a", 1 / 15),
    (1_000, "trusted", "a", 1 / 50),
    (1_000, "trusted", "b", 1.0),
    (100, "checked", "a", 1 / 3),
    (100, "trusted", "a", 1 / 20),
)
NAMES = {"a": "fhir.resources, parse and dump", "b": "orjson, loads and dumps", "c": f"fhirpathpy, {len(FACTS)} facts"}
_WORKER = ("-c", "from adapter.app import create_app; from adapter.settings import Settings; create_app(Settings(auth='none'))")
COLD = {
    "command line": ("-m", "adapter", "stage", "--basis", "anatomic", "--t", "T2", "--n", "N1", "--m", "M0"),
    "worker": _WORKER,
    "worker, first start after a change": _WORKER,
}
COLD_LIMITS = {"command line": 1.0, "worker": 1.5}

Report = dict[str, Any]


def rows(books: Knowledge) -> Iterator[Report]:
    """For each size what every way takes; the largest chart is not given to the slowest one."""
    for entries in SIZES:
        content = chart(entries, SEED)
        works = ways(content, books)
        if entries == LARGEST:
            del works["c"]
        yield {"entries": entries, "bytes": len(content), "ms": timed(works)}


def met(report: Report) -> Iterator[tuple[str, float, float]]:
    """Each target with what was measured and the most it may be."""
    taken = {row["entries"]: {name: found["median"] for name, found in row["ms"].items()} for row in report["rows"]}
    for entries, ours, other, most in RATIOS:
        yield f"{entries} entries, {ours} / ({other})", taken[entries][ours] / taken[entries][other], most
    for ours in ("checked", "trusted"):
        yield f"{LARGEST} entries / 1000 entries, {ours}", taken[LARGEST][ours] / taken[1_000][ours], 12
    for name, most in COLD_LIMITS.items():
        yield f"cold start, {name}, s of CPU", report["cold"][name], most
    http = report["http"]
    yield "over HTTP, 2 workers: lost share of the rate in process", 1 - http["share"], 0.4
    yield "over HTTP, 8 connections: p99 / p50", http["p99 to p50"], 4


def cold() -> dict[str, float]:
    """Seconds of CPU from nothing until the work is done or can begin, the best of three; a first start has no place for its mark."""
    return {name: round(min(started(command, forgets="first" in name) for _ in range(3)), 2) for name, command in COLD.items()}


def started(command: tuple[str, ...], *, forgets: bool) -> float:
    """Seconds of CPU of a command that ends by itself; raises CalledProcessError where it fails."""
    before = _spent_by_children()
    environment = os.environ | ({"XDG_CACHE_HOME": os.devnull} if forgets else {})
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
    return _spent_by_children() - before


def _spent_by_children() -> float:
    import resource

    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def measured() -> Report:
    """The whole report."""
    start = time.process_time()
    books = load()
    return {
        "python": platform.python_version(),
        "machine": platform.processor() or platform.machine(),
        "knowledge": books.version,
        "seed": SEED,
        "runs": RUNS,
        "load s": round(time.process_time() - start, 2),
        "rows": list(rows(books)),
        "cold": cold(),
        "http": over_http.measured(chart(100, SEED)),
    }


def shown(report: Report) -> Iterator[str]:
    """The report for a person."""
    yield f"ms of CPU, median of {report['runs']}; " + "; ".join(f"({name}) {text}" for name, text in NAMES.items())
    yield f"{'entries':>8} {'kB':>8}" + "".join(f"{name:>12}" for name in ("checked", "trusted", "(a)", "(b)", "(c)"))
    for row in report["rows"]:
        taken = [row["ms"][name]["median"] if name in row["ms"] else None for name in ("checked", "trusted", "a", "b", "c")]
        cells = "".join("           -" if one is None else f"{one:>12.2f}" for one in taken)
        yield f"{row['entries']:>8} {row['bytes'] / 1000:>8.0f}{cells}"
    yield "s of CPU to start: " + ", ".join(f"{name} {value}" for name, value in report["cold"].items())
    yield "over HTTP, 100 entries, checked: " + ", ".join(f"{name} {value}" for name, value in report["http"].items())
    for name, value, most in met(report):
        yield f"{'met    ' if value <= most else 'NOT MET'}  {name}: {value:.3f}, at most {most:.3f}"


def main() -> int:
    """Measure, print, and keep the numbers in build/bench.json, or in the file that is named."""
    report = measured()
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print("\n".join(shown(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
