"""How is a whole folder interpreted on one machine? Read, group, answer, join: each step in pieces that are kept once they are done."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec

from adapter.cohort import answering, grouping, reading
from adapter.cohort.answering import Unit, put
from adapter.cohort.folder import Stretch, files_in, not_read, print_of, stretches
from adapter.cohort.grouping import Grouped
from adapter.cohort.interpreting import Interpreter, Interpreting
from adapter.cohort.joining import joined
from adapter.cohort.place import REPORT, Place, Plan, Signature
from adapter.cohort.trouble import Halted, told

# Asked for before anything is done, so that what is not installed is said at once.
_PACKAGES = ("duckdb", "pyarrow", "tqdm")
STRETCH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: where the input is and where the results go, what the results depend on, and how much may be used."""

    source: Path
    out: Path
    interpreting: Interpreting
    signature: Signature
    issued: str
    jobs: int
    memory: str
    unit_bytes: int
    anew: bool = False


def fingerprint(source: Path) -> str:
    """The fingerprint of the inputs as they are now."""
    with told():
        return print_of(files_in(source))


def run(order: Order) -> dict[str, object]:
    """Interpret the whole folder, or go on where a run with the same signature stopped; what the report says."""
    for package in _PACKAGES:
        import_module(package)
    place = Place(order.out)
    with told(), place.locked():
        plan = place.begin(Plan(order.signature, order.issued), anew=order.anew)
        order = replace(order, interpreting=order.interpreting.at(plan.issued))
        if not place.is_done():
            files = files_in(order.source)
            pieces = stretches(files, STRETCH_BYTES)
            with _workers(order) as workers:
                found = _grouped(order, place, pieces, workers)
                _answer(place, found, workers)
            unread = not_read((path.name for path in order.source.iterdir()), (path.name for path in files))
            report = joined(place, files, unread, found.units, msgspec.to_builtins(found))
            put(place.out / REPORT, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        place.finish()
        written: dict[str, object] = msgspec.json.decode((place.out / REPORT).read_bytes())
        return written


def _grouped(order: Order, place: Place, pieces: Sequence[Stretch], workers: Workers) -> Grouped:
    done = place.grouped / "grouped.json"
    if not done.is_file():
        waiting = [one for one in pieces if not _sheet(place, one).is_file()]
        _drop_drafts(place.sheets)
        tasks = [partial(_read, one, _sheet(place, one)) for one in waiting]
        sizes = [one.end - one.start for one in waiting]
        workers.all(tasks, "reading", "B", sizes, sum(one.end - one.start for one in pieces) - sum(sizes))
        with grouping.database(place.work / "spill", order.memory, order.jobs) as engine:
            found = grouping.group(engine, place.sheets, pieces, order.interpreting.read_types, order.unit_bytes, place.grouped)
        put(done, msgspec.json.encode(found))
    for sheet in place.sheets.glob("*"):
        sheet.unlink()
    return msgspec.json.decode(done.read_bytes(), type=Grouped)


def _answer(place: Place, found: Grouped, workers: Workers) -> None:
    kept = [number for number in range(found.units) if (place.answered / f"{number:06d}.json").is_file()]
    waiting = sorted(set(range(found.units)) - set(kept))
    _drop_drafts(place.answered)
    already = sum(msgspec.json.decode((place.answered / f"{number:06d}.json").read_bytes(), type=Unit).patients for number in kept)
    tasks = [partial(_answer_one, number, place.grouped / "grouped.parquet", place.answered) for number in waiting]
    workers.all(tasks, "interpreting", " patients", None, already, found.patients)


def _sheet(place: Place, piece: Stretch) -> Path:
    return place.sheets / f"{piece.number:06d}.parquet"


def _drop_drafts(folder: Path) -> None:
    """Remove what a killed process had begun to write: its name ends in the number of that process."""
    for path in folder.iterdir():
        if path.suffix[1:].isdigit():
            path.unlink()


# What a worker process does. The interpreter is started once in each.

_STANDING: list[Interpreter] = []


def _begin(interpreting: Interpreting) -> None:
    """Start the interpreter, and end with the process that started this one: a killed run leaves nobody behind."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    _STANDING.append(interpreting.start())
    gc.freeze()  # The books stay as long as the process: the collector need not look through them again.


def _leave_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _read(piece: Stretch, sheet: Path) -> int:
    with told():
        reading.read(piece, _STANDING[0].sieve, sheet)
    return piece.end - piece.start


def _answer_one(number: int, grouped: Path, target: Path) -> int:
    with told():
        return answering.answer_unit(number, grouped, _STANDING[0], target).patients


class Workers:
    """A process for each core, and a bar that shows how far they are."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def all(
        self,
        tasks: Iterable[Callable[[], int]],
        title: str,
        unit: str,
        sizes: Sequence[int] | None,
        done: int = 0,
        total: int | None = None,
    ) -> None:
        """Carry out all tasks, each of which says how much it was; the first trouble stops the rest."""
        from tqdm import tqdm

        waiting = [self.pool.submit(task) for task in tasks]
        whole = total if total is not None else done + sum(sizes or ())
        silent = not sys.stderr.isatty()
        with tqdm(total=whole, initial=done, desc=title, unit=unit, unit_scale=True, disable=silent, file=sys.stderr) as bar:
            try:
                for one in as_completed(waiting):
                    bar.update(one.result())
            except BrokenProcessPool as error:
                raise Halted(
                    "a worker was ended from outside, perhaps for want of memory. Start again, with fewer --jobs: what is done is kept"
                ) from error
            finally:
                for one in waiting:
                    one.cancel()


@contextmanager
def _workers(order: Order) -> Iterator[Workers]:
    context = get_context("spawn")
    with ProcessPoolExecutor(order.jobs, context, _begin, (order.interpreting,)) as pool:
        yield Workers(pool)
