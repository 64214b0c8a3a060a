"""Which resources arrived, and what does each reference point at?

Entry by entry: a bad entry is an issue and the others are read (R4 Bundle, resolving references in Bundles).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.outcome import Refusal

_VERSION = re.compile(r"/_history/[^/]+$")


@dataclass(slots=True, eq=False)
class Received:
    """One resource as it arrived: its struct, its bytes, and the reference by which others name it."""

    resource: wire.Resource
    raw: bytes
    reference: str
    where: str
    outer: Received | None = None

    @property
    def place(self) -> Place:
        """Where this resource stands, for origins and issues."""
        version = self.resource.meta.version_id if self.resource.meta else ""
        return Place(reference=self.reference, path=self.where, version=version or None)


@dataclass(slots=True)
class Arrived:
    """Everything that arrived in one request, with an index by every name a reference may use."""

    received: list[Received] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    by_name: dict[str, Received] = field(default_factory=dict)
    other_names: set[str] = field(default_factory=set)

    def find(self, reference: str, within: Received | None = None) -> Received | None:
        """The resource a reference points at, or None when it is not in what arrived."""
        if reference.startswith("#"):
            return self.by_name.get(f"{(within.outer or within).reference}{reference}") if within else None
        for name in _spellings(reference):
            if name in self.by_name:
                return self.by_name[name]
        return None

    def holds(self, reference: str) -> bool:
        """True when the reference points at something that arrived, read or not."""
        return any(name in self.by_name or name in self.other_names for name in _spellings(reference))


def arrived(parts: Sequence[bytes], max_entries: int) -> Arrived:
    """Everything in these parts: one Bundle, or a Bundle and further resources of the same patient."""
    found = Arrived()
    for number, part in enumerate(parts):
        head = _head(part, number, len(parts))
        if head.resource_type == "Bundle":
            _add_bundle(found, part, max_entries)
        elif len(parts) == 1:
            raise _refused(400, "not-a-bundle", f"expected a Bundle, got {head.resource_type or 'no resourceType'}", "resourceType")
        else:
            _add(found, part, "", f"part[{number}]")
    _index_contained(found)
    return found


def _head(part: bytes, number: int, parts: int) -> wire.Head:
    place = "" if parts == 1 else f" (part {number + 1})"
    try:
        return wire.read_head(part)
    except msgspec.ValidationError as error:
        raise _refused(400, "not-a-bundle", f"expected a FHIR resource{place}: {error}", "resourceType") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, [broken_json(part, error, place)]) from error


def broken_json(part: bytes, error: Exception, where: str = "") -> Issue:
    """The issue for JSON that does not parse, naming line and column."""
    place = re.search(r"byte (\d+)", str(error))
    position = ""
    if place:
        before = part[: int(place.group(1))]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        position = f"line {line}, column {column}: "
    return Issue(code="broken-json", severity=Severity.ERROR, text=f"the JSON is broken{where}: {position}{error}")


def _refused(status: int, code: str, text: str, path: str) -> Refusal:
    return Refusal(status, [Issue(code=code, severity=Severity.ERROR, text=text, place=Place(reference="", path=path))])


def _add_bundle(found: Arrived, part: bytes, max_entries: int) -> None:
    try:
        bundle = wire.read_bundle(part)
    except msgspec.ValidationError as error:
        raise _refused(400, "not-a-bundle", f"the Bundle cannot be read: {error}", "Bundle") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(400, [broken_json(part, error)]) from error
    if len(bundle.entry) > max_entries:
        text = f"the Bundle has {len(bundle.entry)} entries, the limit is {max_entries}; send one patient at a time"
        raise _refused(413, "too-many-entries", text, "Bundle.entry")
    for number, entry in enumerate(bundle.entry):
        where = f"Bundle.entry[{number}]"
        if not bytes(entry.resource):
            if entry.request is None or entry.request.method != "DELETE":
                _tell(found, "missing-element", Severity.WARNING, "the entry has no resource", where)
            continue
        _add(found, bytes(entry.resource), entry.full_url, f"{where}.resource")


def _add(found: Arrived, raw: bytes, full_url: str, where: str) -> None:
    try:
        head = wire.read_head(raw)
        if head.resource_type not in wire.READ_TYPES:
            _pass_by(found, head, full_url, where)
            return
        resource = wire.read_resource(raw)
    except msgspec.ValidationError as error:
        _tell(found, "invalid-resource", Severity.ERROR, f"the entry cannot be read: {error}", where, _reference(raw, full_url))
        return
    found.counts[head.resource_type] = found.counts.get(head.resource_type, 0) + 1
    reference = full_url if full_url.startswith("urn:") else (f"{head.resource_type}/{head.id}" if head.id else full_url)
    _keep(found, Received(resource, raw, reference or where, where), full_url)


def _reference(raw: bytes, full_url: str) -> str:
    """The best name of an entry that could not be read."""
    try:
        head = wire.read_head(raw)
    except msgspec.ValidationError:
        return full_url
    return f"{head.resource_type}/{head.id}" if head.id else full_url


def _pass_by(found: Arrived, head: wire.Head, full_url: str, where: str) -> None:
    if head.resource_type == "Bundle":
        _tell(found, "nested-bundle", Severity.WARNING, "a Bundle inside a Bundle is not read; send its entries themselves", where)
    elif not head.resource_type:
        _tell(found, "missing-element", Severity.ERROR, "the entry has no resourceType", where)
    name = head.resource_type or "unknown"
    found.counts[name] = found.counts.get(name, 0) + 1
    found.other_names.update(_names(head.resource_type, head.id, full_url))


def _keep(found: Arrived, new: Received, full_url: str) -> None:
    """Index a resource; the same resource twice is kept once, in its newest version."""
    names = _names(type(new.resource).__name__, new.resource.id, full_url)
    # Two servers may use one id: only the whole URL tells that two entries are the same resource.
    identity = _VERSION.sub("", full_url) if full_url else next(iter(names), "")
    old = found.by_name.get(identity)
    if old is not None:
        if not _is_newer(new, old):
            _tell(found, "superseded", Severity.INFORMATION, f"{new.reference} was sent twice; the newer version is used", new.where)
            return
        found.received.remove(old)
        _tell(found, "superseded", Severity.INFORMATION, f"{new.reference} was sent twice; the newer version is used", old.where)
    found.received.append(new)
    for name in names:
        if old is not None or name == identity:
            found.by_name[name] = new
        else:
            found.by_name.setdefault(name, new)


def _is_newer(new: Received, old: Received) -> bool:
    def age(one: Received) -> tuple[str, int]:
        meta = one.resource.meta
        version = meta.version_id if meta else ""
        return (meta.last_updated if meta else "", int(version) if version.isdigit() else 0)

    return age(new) > age(old)


def _names(resource_type: str, resource_id: str, full_url: str) -> list[str]:
    names = [f"{resource_type}/{resource_id}"] if resource_id else []
    return [*names, *_spellings(full_url)] if full_url else names


def _spellings(reference: str) -> list[str]:
    """A reference as sent, and for an absolute one also its last two parts, without a version."""
    plain = _VERSION.sub("", reference)
    if "://" not in plain:
        return [plain]
    parts = urlsplit(plain).path.rsplit("/", 2)
    return [plain, "/".join(parts[-2:])] if len(parts) > 1 else [plain]


def _index_contained(found: Arrived) -> None:
    """Contained resources, under `#id` of the resource that holds them; they are read but stand for themselves only inside it."""
    for outer in list(found.received):
        for number, raw in enumerate(getattr(outer.resource, "contained", ())):
            where = f"{outer.where}.contained[{number}]"
            try:
                head = wire.read_head(bytes(raw))
                if head.resource_type not in wire.READ_TYPES:
                    continue
                resource = wire.read_resource(bytes(raw))
            except msgspec.ValidationError as error:
                _tell(found, "invalid-resource", Severity.ERROR, f"the contained resource cannot be read: {error}", where, outer.reference)
                continue
            inner = Received(resource, bytes(raw), f"{outer.reference}#{head.id}", where, outer)
            found.by_name[inner.reference] = inner
            found.received.append(inner)


def _tell(found: Arrived, code: str, severity: Severity, text: str, where: str, reference: str = "") -> None:
    found.issues.append(Issue(code=code, severity=severity, text=text, place=Place(reference=reference, path=where)))


def references(of: Iterable[wire.Reference]) -> tuple[str, ...]:
    """The literal references of a list, without empty ones."""
    return tuple(one.reference for one in of if one.reference)
