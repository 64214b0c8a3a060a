"""What is in the bytes of one request?

Entry by entry: a bad entry is an issue and the others are read. Only what is no JSON, no Bundle or too much is refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, received, without_version
from adapter.fhir.bounds import PARTS_FOR_EACH_ENTRY, VALUES_FOR_EACH_ENTRY, parts_of, values_at_most
from adapter.fhir.copies import keep_newest
from adapter.fhir.outcome import Refusal

__all__ = ["Arrived", "arrived", "broken_json"]

T = TypeVar("T")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Frames of the stack that later steps may need: what is nested so deeply that it would not leave them is refused at the door.
_ROOM = 200
_NO_RESOURCE = wire.Entry().resource
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def arrived(parts: Sequence[bytes], max_entries: int) -> Arrived:
    """Everything in these parts: one Bundle, or a Bundle and further resources of the same patient."""
    found = Arrived()
    _count_values(parts, max_entries)
    ready = _whole(wire.read_ready, parts[0].removeprefix(_BYTE_ORDER_MARK)) if len(parts) == 1 else None
    if ready is not None:
        _add_ready(found, ready, parts[0], max_entries)
    else:
        _add_parts(found, parts, max_entries)
    most = max_entries * PARTS_FOR_EACH_ENTRY
    # Each of them is an object, which begins with a brace.
    may_be_crowded = sum(part.count(b"{") for part in parts) > most
    if may_be_crowded:
        _count_parts(found, most)
    keep_newest(found)
    found.index()
    _add_contained(found)
    if may_be_crowded:
        _count_parts(found, most)
    found.sort()
    return found


def _add_parts(found: Arrived, parts: Sequence[bytes], max_entries: int) -> None:
    """Entry by entry, because something here is not read, or cannot be."""
    for number, sent in enumerate(parts):
        part = sent.removeprefix(_BYTE_ORDER_MARK)
        packed = _whole(wire.read_packed, part)
        if packed is not None:
            _add_entries(found, packed.entry, max_entries)
            continue
        place = "" if len(parts) == 1 else f" (part {number + 1})"
        kind = _kind(part, place)
        if kind == "Bundle":
            _add_bundle(found, part, max_entries, place)
        elif len(parts) == 1:
            raise _refused(400, "not-a-bundle", f"expected a Bundle, got {kind[:80] or 'no resourceType'}", "resourceType")
        else:
            _count_entries(found, 1, max_entries)
            _add(found, msgspec.Raw(part), "", f"part[{number}]")


B = TypeVar("B", wire.Ready, wire.Packed)


def _whole(read: Callable[[bytes], B], part: bytes) -> B | None:
    """A Bundle in which everything is where it belongs, read in one pass; None for a slower reading, which finds the faults."""
    try:
        if not part.isascii():
            # The parser passes over what it does not read, so bad bytes there would only be met by a later step.
            part.decode()
        bundle = _with_room(read, part)
    except _UNREADABLE:
        return None
    return bundle if bundle.resource_type == "Bundle" else None


def _add_ready(found: Arrived, ready: wire.Ready, part: bytes, max_entries: int) -> None:
    """Everything that was read in one pass; the bytes stay packed until somebody asks for those of a resource."""
    _count_entries(found, len(ready.entry), max_entries)
    found.packed = part.removeprefix(_BYTE_ORDER_MARK)
    for number, entry in enumerate(ready.entry):
        resource = entry.resource
        if resource is msgspec.UNSET:
            _add_request(found, entry.request, f"Bundle.entry[{number}]")
        else:
            found.add(received(resource, None, f"Bundle.entry[{number}].resource", without_version(entry.full_url)))


def _kind(part: bytes, place: str) -> str:
    """The resourceType of JSON that is whole, in UTF-8, and not nested too deeply."""
    try:
        part.decode()
        return _with_room(wire.read_kind, part).resource_type
    except msgspec.ValidationError as error:
        raise _refused(400, "not-a-bundle", f"expected a FHIR resource{place}: {error}", "resourceType") from error
    except _UNREADABLE as error:
        raise Refusal(400, [broken_json(part, error, place)]) from error


def _with_room(read: Callable[[bytes], T], part: bytes, frames: int = _ROOM) -> T:
    """What `read` makes of the part, this many frames deeper in the stack."""
    return _with_room(read, part, frames - 1) if frames else read(part)


def broken_json(part: bytes, error: Exception, where: str = "") -> Issue:
    """The issue for JSON that does not parse, naming line and column."""
    text = f"the JSON is broken{where}: {_position(part, error)}{_fault(error)}"
    return Issue(code="broken-json", severity=Severity.ERROR, text=text)


def _position(part: bytes, error: Exception) -> str:
    """Line and column of the fault: the byte that the parser names, or the end of a text that ends too early."""
    if isinstance(error, RecursionError):
        return ""
    named = re.search(r"byte (\d+)", str(error))
    byte = error.start if isinstance(error, UnicodeDecodeError) else int(named.group(1)) if named else len(part)
    before = part[:byte]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    return f"line {line}, column {column}: "


def _fault(error: Exception) -> str:
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            return "it is not UTF-8"
        case _:
            return str(error)


def _refused(status: int, code: str, text: str, path: str) -> Refusal:
    return Refusal(status, [Issue(code=code, severity=Severity.ERROR, text=text, place=Place(reference="", path=path))])


def _add_bundle(found: Arrived, part: bytes, max_entries: int, place: str) -> None:
    try:
        bundle = wire.read_bundle(part)
    except msgspec.ValidationError as error:
        raise _refused(400, "not-a-bundle", f"the Bundle{place} cannot be read: {error}", "Bundle") from error
    except _UNREADABLE as error:
        raise Refusal(400, [broken_json(part, error, place)]) from error
    _count_entries(found, len(bundle.entry), max_entries)
    for number, raw in enumerate(bundle.entry):
        where = f"Bundle.entry[{number}]"
        try:
            _add_entry(found, wire.read_entry(raw), where)
        except _UNREADABLE as error:
            found.tell("invalid-resource", Severity.ERROR, f"the entry cannot be read: {_fault(error)}", where)


def _add_entries(found: Arrived, entries: Sequence[wire.Entry], max_entries: int) -> None:
    _count_entries(found, len(entries), max_entries)
    for number, entry in enumerate(entries):
        _add_entry(found, entry, f"Bundle.entry[{number}]")


def _count_entries(found: Arrived, more: int, max_entries: int) -> None:
    found.entries += more
    if found.entries > max_entries:
        text = f"the Bundle has {found.entries} entries, the limit is {max_entries}; send one patient at a time"
        raise _refused(413, "too-many-entries", text, "Bundle.entry")


def _count_values(parts: Sequence[bytes], max_entries: int) -> None:
    """Refuse what would take many times its size to read. A value takes a byte at least, so a small body need not be counted."""
    most = max_entries * VALUES_FOR_EACH_ENTRY
    values = sum(map(values_at_most, parts)) if sum(map(len, parts)) > most else 0
    if values > most:
        text = f"{values} JSON values or more, the limit is {most} ({VALUES_FOR_EACH_ENTRY} for each of {max_entries} entries)"
        raise _refused(413, "too-many-entries", f"the Bundle holds {text}; send one patient at a time", "Bundle")


def _count_parts(found: Arrived, most: int) -> None:
    """Refuse what holds so many components, members or contained resources that each of them cannot be answered for."""
    listed = sum(parts_of(one.resource) for one in found.received)
    if listed > most:
        text = f"the resources hold {listed} components, members, results and other parts, the limit is {most}; send one patient at a time"
        raise _refused(413, "too-many-entries", text, "Bundle.entry")


def _add_entry(found: Arrived, entry: wire.Entry, where: str) -> None:
    if entry.resource is not _NO_RESOURCE:
        _add(found, entry.resource, without_version(entry.full_url), f"{where}.resource")
    else:
        _add_request(found, entry.request, where)


def _add_request(found: Arrived, request: wire.Request | None, where: str) -> None:
    """What an entry without a resource says: that another one is deleted, or nothing."""
    if request is not None and request.method == "DELETE":
        found.deleted.add(without_version(request.url))
    else:
        found.tell("missing-element", Severity.WARNING, "the entry has no resource", where)


def _add(found: Arrived, raw: msgspec.Raw, url: str, where: str) -> None:
    try:
        found.add(received(wire.read_resource(raw), raw, where, url))
    except _UNREADABLE as error:
        _add_unread(found, raw, url, where, error)


def _add_unread(found: Arrived, raw: msgspec.Raw, url: str, where: str, fault: Exception) -> None:
    """Remember what is of a type that is not read, and say of everything else what keeps it from being read."""
    head = wire.Head()
    try:
        head = wire.read_head(raw)
        if head.resource_type not in wire.READ_TYPES:
            _pass_by(found, raw, head, url, where)
            return
    except _UNREADABLE as error:
        fault = error
    found.pass_by(head.resource_type, _name(head), url)
    found.tell("invalid-resource", Severity.ERROR, f"the entry cannot be read: {_fault(fault)}", where, _name(head) or url)


def _name(head: wire.Head) -> str:
    return f"{head.resource_type}/{head.id}" if head.id else ""


def _pass_by(found: Arrived, raw: msgspec.Raw, head: wire.Head, url: str, where: str) -> None:
    if head.resource_type == "Bundle":
        found.tell("nested-bundle", Severity.WARNING, "a Bundle inside a Bundle is not read; send its entries themselves", where)
    elif not head.resource_type:
        found.tell("missing-element", Severity.ERROR, "the entry has no resourceType", where)
    _tell_unread(found, raw, head, where)
    name = head.resource_type or "unknown"
    found.counts[name] = found.counts.get(name, 0) + 1
    found.pass_by(head.resource_type, _name(head), url)


def _tell_unread(found: Arrived, raw: msgspec.Raw, head: wire.Head, where: str) -> None:
    """Say of resources of ours that stand inside one that is not read, that they are not read either."""
    ours = sum(wire.read_head(one).resource_type in wire.READ_TYPES for one in _inside(raw))
    if ours:
        text = f"{ours} of the resources contained in it are left out, because a resource of this type is not read; send them as entries"
        found.tell("not-used", Severity.WARNING, text, where, _name(head))


def _inside(raw: msgspec.Raw) -> Sequence[msgspec.Raw]:
    """What a resource contains, looked for only where the word stands in it."""
    return wire.read_holder(raw).contained if b'"contained"' in bytes(raw) else ()


def _add_contained(found: Arrived) -> None:
    """Contained resources, under `#id` of the resource that holds them; they are read but stand for themselves only inside it."""
    for outer in list(found.received):
        for number, raw in enumerate(outer.resource.contained):
            where = f"{outer.where}.contained[{number}]"
            try:
                head = wire.read_head(raw)
                if _inside(raw):
                    text = "what a contained resource contains is not read (R4 DomainResource: dom-2); send it as an entry"
                    found.tell("not-used", Severity.WARNING, text, where, outer.reference)
                if head.resource_type not in wire.READ_TYPES:
                    found.pass_by(head.resource_type, f"{outer.reference}#{head.id}")
                    continue
                resource = wire.read_resource(raw)
            except _UNREADABLE as error:
                text = f"the contained resource cannot be read: {_fault(error)}"
                found.tell("invalid-resource", Severity.ERROR, text, where, outer.reference)
                continue
            inner = received(resource, raw, where, outer=outer)
            inner.reference = f"{outer.reference}#{head.id or number}"
            found.by_name[inner.reference] = inner
            found.received.append(inner)
