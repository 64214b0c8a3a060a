"""Which of several copies of one resource counts? The newest by meta.lastUpdated and versionId; where these do not tell, none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from adapter.facts.vocabulary import Severity
from adapter.fhir.arrival import Arrived, Received


def keep_newest(found: Arrived) -> None:
    """Leave each resource in what arrived once, and say of every copy that is left out why."""
    if found.deleted or not _are_distinct(found.received):
        leave_out_copies(found)


def leave_out_copies(found: Arrived) -> None:
    """The same for what may hold copies."""
    kept = {id(one) for copies in _copies(found.received) for one in _newest(found, copies)}
    for one in found.received:
        if id(one) not in kept:
            found.pass_by(one.kind, one.name, one.url)
    found.received = [one for one in found.received if id(one) in kept and not _is_deleted(found, one)]


def _are_distinct(received: Sequence[Received]) -> bool:
    """True where no two can be copies of each other, which is nearly always: every one has a name, and no name or URL comes twice."""
    names = {one.name for one in received}
    return "" not in names and len(names) == len(received) == len({one.url or one.name for one in received})


def _copies(received: Iterable[Received]) -> Iterable[list[Received]]:
    """The copies of each resource: one fullUrl, or one type and id where no two fullUrls part them."""
    urls: dict[str, set[str]] = defaultdict(set)
    for one in received:
        if one.name and one.url:
            urls[one.name].add(one.url)
    groups: dict[str, list[Received]] = defaultdict(list)
    for one in received:
        only = next(iter(urls[one.name])) if len(urls[one.name]) == 1 else ""
        groups[one.url or only or one.name or one.where].append(one)
    return groups.values()


def _newest(found: Arrived, copies: Sequence[Received]) -> list[Received]:
    """The one copy that counts, or none."""
    if len(copies) == 1:
        return list(copies)
    ages = _ages(copies)
    newest = max(ages)
    best = [one for one, age in zip(copies, ages, strict=True) if age == newest]
    if any(one.resource != best[0].resource for one in best):
        text = "was sent more than once with different content, and neither its version nor its date tells which is newer; none is used"
        for one in copies:
            _tell(found, one, "duplicate", Severity.WARNING, text)
        return []
    for one, age in zip(copies, ages, strict=True):
        if one is not best[0]:
            code, text = ("duplicate", "was sent twice") if age == newest else ("superseded", "was sent twice; the newer version is used")
            _tell(found, one, code, Severity.INFORMATION, text)
    return best[:1]


def _ages(copies: Sequence[Received]) -> list[tuple[float, int]]:
    """Ages that can be compared: only what every copy states counts."""
    moments, versions = [_moment(one) for one in copies], [_version(one) for one in copies]
    dated = [one.timestamp() for one in moments if one is not None]
    numbered = [one for one in versions if one is not None]
    first = dated if len(dated) == len(copies) else [0.0] * len(copies)
    second = numbered if len(numbered) == len(copies) else [0] * len(copies)
    return list(zip(first, second, strict=True))


def _moment(one: Received) -> datetime | None:
    text = one.resource.meta.last_updated if one.resource.meta else ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _version(one: Received) -> int | None:
    text = one.resource.meta.version_id if one.resource.meta else ""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def _is_deleted(found: Arrived, one: Received) -> bool:
    """True for a resource that an entry of the same request deletes."""
    if not found.deleted & {one.name, one.url}:
        return False
    _tell(found, one, "withdrawn", Severity.INFORMATION, "is deleted by another entry of this request, so it is not used")
    return True


def _tell(found: Arrived, one: Received, code: str, severity: Severity, text: str) -> None:
    found.tell(code, severity, f"{one.name or one.url or 'it'} {text}", one.where, one.name or one.url)
