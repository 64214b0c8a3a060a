"""Which day does a FHIR date, dateTime or Period name, as precisely as it was sent? (https://hl7.org/fhir/R4/datatypes.html#dateTime)"""

from __future__ import annotations

import re
from functools import lru_cache

from adapter.facts.case import Day
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, Received

_DATE = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?")
_LONGEST = 40
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def day_of(arrived: Arrived, text: str | None, one: Received, element: str) -> Day | None:
    """The day of a date or dateTime; a text that is no date is an issue, which never repeats it: it may be a birth date."""
    day = date_in(text)
    if text and day is None:
        arrived.tell("bad-date", Severity.WARNING, "it is no FHIR date; expected YYYY-MM-DD", f"{one.where}.{element}", one.reference)
    return day


def date_in(text: str | None) -> Day | None:
    """The day that a text names, or None when it names none."""
    return _read(text) if text and len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _read(text: str) -> Day | None:
    parts = _DATE.fullmatch(text)
    if parts is None or not _exists(*parts.groups()):
        return None
    return "-".join(part for part in parts.groups() if part)


def _exists(year: str, month: str | None, day: str | None) -> bool:
    """False for 31 April and 29 February of a common year."""
    if month is None or day is None:
        return True
    is_leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    return int(day) <= (28 if month == "02" and not is_leap else _DAYS[int(month) - 1])


def end_of(period: wire.Period | None) -> str | None:
    """When a period ended, or began where its end was not sent."""
    return (period.end or period.start or None) if period else None


def start_of(period: wire.Period | None) -> str | None:
    """When a period began."""
    return (period.start or None) if period else None
