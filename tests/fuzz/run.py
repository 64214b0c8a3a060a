"""`make fuzz`: ask very many hostile requests, and print what came of them. See `python -m tests.fuzz.run --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.fuzz.kept import FOLDER, replay
from tests.fuzz.tally import MEGABYTE, Tally
from tests.fuzz.workers import Plan, run

SEED = "oncology"
_SAID_EVERY = 5000


def main(arguments: list[str] | None = None) -> int:
    """Ask, print the table, and end with 1 when any invariant was broken."""
    asked = _parser().parse_args(arguments)
    if asked.replay:
        return replay(asked.replay)
    plan = Plan(asked.seed, asked.requests, asked.workers, asked.patience, FOLDER)
    began = time.monotonic()
    print(f"{plan.requests} requests, seed {plan.seed!r}, {plan.workers} processes", flush=True)
    said = [0]
    whole = run(plan, lambda so_far: _progress(so_far, plan.requests, time.monotonic() - began, said))
    print("\r" + " " * 78 + "\r" if sys.stdout.isatty() else "")
    print("\n".join(whole.table(plan.seed, time.monotonic() - began)))
    for number, found in sorted(whole.failed.items()):
        print(f"\nnumber {number}: {'; '.join(found)}\n  {sys.executable} -m tests.fuzz.run --replay build/fuzz/{plan.seed}-{number}.json")
    return 1 if whole.failed or whole.requests + len(whole.failed) < plan.requests else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--seed", default=SEED, help=f"another seed gives other requests (default: {SEED})")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many processes (default: all cores)")
    parser.add_argument("--patience", type=float, default=300, help="after how many seconds a request counts as hanging (default: 300)")
    parser.add_argument("--replay", type=Path, help="ask one kept request again")
    return parser


def _progress(so_far: Tally, requests: int, seconds: float, said: list[int]) -> None:
    """One line that is written over on a terminal, and now and then a line elsewhere; `said` is at how many the last one was."""
    line = f"{so_far.requests} of {requests}, {so_far.requests / seconds:.0f} a second, {len(so_far.failed)} with a fault"
    line += f", {so_far.peak[0] // MEGABYTE} MB"
    if sys.stdout.isatty():
        print(f"\r{line:<78}", end="", flush=True)
    elif so_far.requests >= said[0] + _SAID_EVERY:
        said[0] = so_far.requests
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
