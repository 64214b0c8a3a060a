"""How fast is a cohort, and how much memory does it take? `make cohort-bench` prints it, and what 100,000 patients would need.

CPU is that of every process of the run, start-up apart: what a small run takes is subtracted from the large one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.cohort.people import cohort, write

FEW = 100
MANY = 100_000
HOME = Path("build/cohort-bench")
_TICK = os.sysconf("SC_CLK_TCK")
_NAMES = {"local": (), "spark": ("--engine", "spark", "--master", "local[{cores}]")}


class Run(NamedTuple):
    """What one run took: seconds, CPU seconds of all processes, and the peak memory of each in MB, the largest first."""

    seconds: float
    cpu: float
    megabytes: list[int]


class _Process(NamedTuple):
    cpu: float
    megabytes: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=5_000)
    parser.add_argument("--engine", choices=[*_NAMES, "both"], default="both")
    args = parser.parse_args()
    engines = list(_NAMES) if args.engine == "both" else [args.engine]
    for engine in engines:
        few, many = (measured(engine, _export(number), number) for number in (FEW, args.patients))
        _print(engine, args.patients, few, many)


def _export(patients: int) -> Path:
    """The export of this many patients; made once."""
    folder = HOME / f"in-{patients}"
    done = folder / "made"
    if not done.exists():
        write(folder, cohort(patients), files=4)
        done.touch()
    return folder


def measured(engine: str, source: Path, patients: int) -> Run:
    """One run in a session of its own, whose processes are looked at twice a second."""
    out = HOME / f"out-{engine}-{patients}"
    cores = str(len(os.sched_getaffinity(0)))
    options = [word.format(cores=cores) for word in _NAMES[engine]]
    command = [sys.executable, "-m", "adapter", "cohort", str(source), str(out), "--anew", *options]
    begun = time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: dict[int, _Process] = {}
    while process.poll() is None:
        seen |= _look(process.pid)
        time.sleep(0.5)
    if process.returncode:
        sys.exit(f"the run of {engine} ended with {process.returncode}: {' '.join(command)}")
    memory = sorted((one.megabytes for one in seen.values()), reverse=True)
    return Run(time.perf_counter() - begun, sum(one.cpu for one in seen.values()), memory)


def _look(session: int) -> dict[int, _Process]:
    """The CPU and the peak memory so far of each process of a session."""
    found: dict[int, _Process] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                peak = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM"))
                found[int(folder.name)] = _Process((int(fields[11]) + int(fields[12])) / _TICK, int(peak.split()[1]) // 1024)
        except (OSError, StopIteration):
            continue
    return found


def _print(engine: str, patients: int, few: Run, many: Run) -> None:
    each = (many.cpu - few.cpu) / (patients - FEW)
    said = {
        "engine": engine,
        "patients": patients,
        "seconds": round(many.seconds, 1),
        "CPU seconds": round(many.cpu, 1),
        f"CPU seconds of {FEW} patients": round(few.cpu, 1),
        "CPU ms for each patient, start-up apart": round(each * 1000, 2),
        "patients per second and core, start-up apart": round(1 / each, 1),
        "peak memory of each process in MB": many.megabytes,
        f"CPU hours for {MANY} patients": round((few.cpu + each * MANY) / 3600, 2),
    }
    print(json.dumps(said, indent=2), flush=True)


if __name__ == "__main__":
    main()
