"""What is one piece of work, and when is it tried again?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field

from adapter.facts.frozen import Frozen
from adapter.fhir.trouble import MOVED_ON, PASSING, Fault


class NotKept(Exception):
    """The database could not take what it was given: locked too long, full, or away. Nothing of it was kept."""


class Work(StrEnum):
    """What a job does with its subject."""

    WRITE = "write"
    REHEARSE = "rehearse"
    FIND = "find"
    RECOVER = "recover"
    INTERPRET = "interpret"


class State(StrEnum):
    """Where a job stands; the last four are final until somebody asks for it again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    MERGED = "merged"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What came of a job that is done."""

    WRITTEN = "written"
    NOTHING_TO_WRITE = "nothing-to-write"
    REHEARSED = "rehearsed"
    NO_SUCH_PATIENT = "no-such-patient"
    QUEUED_OTHERS = "queued-others"
    NOTHING_MISSED = "nothing-missed"
    INTERPRETED = "interpreted"


class Job(Frozen):
    """One piece of work as it stands in the database."""

    id: str
    server: str
    kind: Work
    subject: str
    state: State
    asked_by: str
    asked: int
    attempts: int
    conflicts: int
    lost: int
    created: datetime
    due: datetime
    leased_until: datetime | None = None
    lease: str | None = None
    worker: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    progress: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    counts: dict[str, int] | None = None
    addresses: tuple[str, ...] | None = None
    difference: list[dict[str, Any]] | None = Field(default=None, repr=False)
    follows: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state not in (State.QUEUED, State.RUNNING)


class Patience(Frozen):
    """How long we wait between two attempts, and when we give up; a person can always ask again."""

    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(minutes=10)
    give_up_after: timedelta = timedelta(days=3)
    conflicts: int = 20
    lost: int = 10
    lease: timedelta = timedelta(minutes=3)
    gather: timedelta = timedelta(seconds=10)


def pause(attempts: int, patience: Patience, chance: Callable[[], float], asked_for: float | None) -> timedelta:
    """The wait before the next attempt: twice as long each time, shortened by chance so that many do not come back at once.

    What the server asked for is always waited for, up to a day.
    """
    doubled: timedelta = patience.first * (1 << min(attempts, 20))
    waited = min(doubled, patience.longest) * (0.5 + chance() / 2)
    return max(waited, timedelta(seconds=min(asked_for or 0.0, 86_400.0)))


def reason_to_give_up(fault: Fault, age: timedelta, conflicts: int, patience: Patience) -> str | None:
    """Why a job is not tried again by itself, in one sentence; None while it is."""
    if fault in PASSING:
        hours = patience.give_up_after / timedelta(hours=1)
        return f"it could not be delivered for {hours:g} hours ({fault})" if age >= patience.give_up_after else None
    if fault in MOVED_ON:
        return f"the server refused {conflicts} times in a row ({fault})" if conflicts >= patience.conflicts else None
    return f"trying again cannot help ({fault})"
