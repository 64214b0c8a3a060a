"""Who interprets one patient? Handed in from outside, and started once in each process: this room never decides anything itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from adapter.cohort.lines import Sieve
from adapter.cohort.table import Row


class Answered(NamedTuple):
    """What came of one patient: a line for the results, a row for each case, and why it was refused, if it was."""

    line: bytes
    rows: list[Row]
    refused: str = ""


class Interpreter(Protocol):
    """One patient at a time, whichever engine found the resources."""

    sieve: Sieve

    def answer(self, bundle: bytes) -> Answered:
        """What follows from this Bundle."""
        ...


class Interpreting(Protocol):
    """How an interpreter is started in another process; it travels there."""

    @property
    def read_types(self) -> frozenset[str]:
        """The types of resources that are read at all."""
        ...

    def at(self, issued: str) -> Interpreting:
        """The same with this moment on its results: a run that goes on keeps the moment at which it began."""
        ...

    def start(self) -> Interpreter:
        """The interpreter, with its books loaded; started once in each process."""
        ...


def bundle_of(resources: Sequence[bytes]) -> bytes:
    """The resources of one patient as the Bundle that the pipeline reads."""
    return b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":' + b'},{"resource":'.join(resources) + b"}]}"
