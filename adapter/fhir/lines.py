"""How are many patients answered at once? NDJSON: a line with a Bundle gives a line with its result, a bad one an OperationOutcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from adapter.facts.case import Issue
from adapter.fhir.incident import incident
from adapter.fhir.outcome import Refusal, operation_outcome
from adapter.fhir.parameters import interpretation_asked

LOG = logging.getLogger("adapter.fhir")

# From a Bundle and the schemes that were asked for with it to the result Bundle.
Interpret = Callable[[bytes, Sequence[str]], bytes]


class Line(NamedTuple):
    """One line of an answer, and whether the line that was sent could be answered."""

    content: bytes
    is_refused: bool = False


def answered(lines: Iterable[bytes], interpret: Interpret, canonical: str) -> Iterator[Line]:
    """A line for each line that is not empty, one at a time, so that never more than one result is in memory."""
    return (_answer(line, interpret, canonical) for line in lines if line.strip())


def with_line(outcome: bytes, number: int) -> bytes:
    """The OperationOutcome with the line of the request in `diagnostics` of each issue, as an expression names elements only."""
    said = msgspec.json.decode(outcome)
    for issue in said["issue"]:
        issue["diagnostics"] = ": ".join([f"line {number} of the request", *filter(None, [issue.get("diagnostics")])])
    return msgspec.json.encode(said)


def _answer(line: bytes, interpret: Interpret, canonical: str) -> Line:
    try:
        sent = interpretation_asked(line)
        return Line(interpret(sent.bundle, sent.schemes))
    except Refusal as refusal:
        return _refused(refusal.issues, canonical)
    except Exception as error:  # noqa: BLE001 - one line must not take the others with it; the log has the place.
        return _refused((incident(error, LOG),), canonical)


def _refused(issues: Sequence[Issue], canonical: str) -> Line:
    return Line(msgspec.json.encode(operation_outcome(issues, canonical=canonical)), is_refused=True)
