"""What does a CDS client say of our cards? The feedback of CDS Hooks: https://cds-hooks.hl7.org/2.0/#feedback (D7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple, NoReturn
from uuid import UUID

import msgspec
from msgspec import Struct

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir.bundle import broken_json
from adapter.fhir.outcome import Refusal, clean

_OUTCOMES = ("accepted", "overridden")
# What one item may hold: a comment is a remark, and not a document.
_LONGEST = 4000
_MOST = 1000


class _Reason(Struct, frozen=True):
    system: str = ""
    code: str = ""
    display: str = ""


class _Override(Struct, frozen=True, rename="camel"):
    reason: _Reason | None = None
    user_comment: str = ""


class _Accepted(Struct, frozen=True):
    id: str = ""


class _Item(Struct, frozen=True, rename="camel"):
    card: str = ""
    outcome: str = ""
    accepted_suggestions: tuple[_Accepted, ...] = ()
    override_reason: _Override | None = None
    outcome_timestamp: str = ""


class _Body(Struct, frozen=True):
    feedback: tuple[_Item, ...] = ()


class Told(NamedTuple):
    """What a user did with one card, as the client sent it."""

    card: str
    outcome: str
    at: datetime
    reason_system: str
    reason_code: str
    reason_display: str
    comment: str
    suggestions: tuple[str, ...]


_decode = msgspec.json.Decoder(_Body).decode


def hook_feedback(body: bytes) -> list[Told]:
    """Everything that was told, or a Refusal that says what to send instead; of a list with a fault nothing is taken."""
    try:
        items = _decode(body).feedback
    except msgspec.ValidationError as error:
        _refuse(f"the body is no CDS Hooks feedback: {error}", "feedback")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, (broken_json(body, error),)) from error
    if not 0 < len(items) <= _MOST:
        _refuse(f'the body needs "feedback" with 1 to {_MOST} items', "feedback")
    return [_told(item, f"feedback[{number}]") for number, item in enumerate(items)]


def _told(item: _Item, where: str) -> Told:
    override = item.override_reason or _Override()
    reason = override.reason or _Reason()
    if item.outcome not in _OUTCOMES:
        _refuse(f"outcome is one of {', '.join(_OUTCOMES)}", f"{where}.outcome")
    if any(len(words) > _LONGEST for words in _free(item, override, reason)):
        _refuse(f"a text has at most {_LONGEST} characters", where)
    return Told(
        card=_uuid(item.card, f"{where}.card"),
        outcome=item.outcome,
        at=_moment(item.outcome_timestamp, f"{where}.outcomeTimestamp"),
        reason_system=clean(reason.system),
        reason_code=clean(reason.code),
        reason_display=clean(reason.display),
        comment=clean(override.user_comment),
        suggestions=tuple(_uuid(one.id, f"{where}.acceptedSuggestions") for one in item.accepted_suggestions),
    )


def _free(item: _Item, override: _Override, reason: _Reason) -> Iterator[str]:
    yield from (override.user_comment, reason.system, reason.code, reason.display)
    yield from (one.id for one in item.accepted_suggestions)


def _uuid(words: str, where: str) -> str:
    try:
        return str(UUID(words))
    except ValueError:
        _refuse("this is the uuid of a card or suggestion, as it was sent with the card", where)


def _moment(words: str, where: str) -> datetime:
    """A moment with its time zone, so that it means the same everywhere (RFC 3339)."""
    try:
        moment = datetime.fromisoformat(words)
        # A moment without a zone has none in UTC, and neither has a year at the edge of the calendar.
        return moment.astimezone(UTC) if moment.tzinfo is not None else _refuse_moment(where)
    except (ValueError, OverflowError):
        return _refuse_moment(where)


def _refuse_moment(where: str) -> NoReturn:
    _refuse("this is a moment with a time zone, such as 2026-05-01T10:05:31Z", where)


def _refuse(text: str, path: str) -> NoReturn:
    place = Place(reference="", path=path)
    raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code="invalid-resource", severity=Severity.ERROR, text=text, place=place),))
