"""How far has a run come? The folder of the results, with what is done and by what: another run may only go on with the same."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from adapter.cohort.answering import put
from adapter.cohort.trouble import Halted

REPORT = "run.json"
RESULTS, CASES, ASIDE = "results.ndjson", "cases.parquet", "aside.ndjson"
# How the names begin of all that a run leaves; what was begun and not finished has an ending more.
_OURS = (REPORT, RESULTS, CASES, ASIDE, ".work", "summary")
_WORK = ".work"


class Signature(msgspec.Struct, frozen=True):
    """What a result depends on: the input files, the software, the books and the options."""

    inputs: str
    software: str
    knowledge: str
    options: dict[str, str]


class Plan(msgspec.Struct, frozen=True):
    """What a run set out to do, and the moment that its results carry."""

    signature: Signature
    issued: str


class _Report(msgspec.Struct):
    signature: Signature
    issued: str


class Place:
    """The folder of the results and, until all is done, of the work."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.work = out / _WORK
        self.sheets, self.grouped, self.answered = self.work / "read", self.work / "grouped", self.work / "answered"

    def is_done(self) -> bool:
        """Whether a run has been brought to its end here."""
        return (self.out / REPORT).is_file()

    def begin(self, plan: Plan, *, anew: bool) -> Plan:
        """Go on with what was begun, or begin; raises Halted where something else stands here."""
        before = self._before()
        if anew and before is not None:
            self._discard()
            before = None
        if before is None:
            self._refuse_strangers()
            for folder in (self.sheets, self.grouped, self.answered):
                folder.mkdir(parents=True, exist_ok=True)
            put(self.work / "plan.json", msgspec.json.encode(plan))
            return plan
        changed = [name for name in Signature.__struct_fields__ if getattr(before.signature, name) != getattr(plan.signature, name)]
        if changed:
            raise Halted(
                f"{self.out} holds a run with other {' and '.join(changed)}. Choose another folder, or discard that run with --anew"
            )
        return before

    def _before(self) -> Plan | None:
        for path in (self.out / REPORT, self.work / "plan.json"):
            if path.is_file():
                found = msgspec.json.decode(path.read_bytes(), type=_Report)
                return Plan(found.signature, found.issued)
        return None

    def _refuse_strangers(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        strangers = sorted(path.name for path in self.out.iterdir() if path.name != _WORK)
        if strangers:
            raise Halted(f"{self.out} is not empty and holds no run of ours ({strangers[0]}); name a new folder")

    def _discard(self) -> None:
        """Remove what a run has left here, and nothing else."""
        for path in [one for one in self.out.iterdir() if _is_ours(one.name)]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Remove the work that is no longer needed."""
        shutil.rmtree(self.work, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run out of this folder for as long as this one lives."""
        self.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(self.out, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(held)
            raise Halted(f"another run is at work in {self.out}") from error
        try:
            yield
        finally:
            os.close(held)


def _is_ours(name: str) -> bool:
    return any(name == ours or name.startswith(f"{ours}.") for ours in _OURS)
