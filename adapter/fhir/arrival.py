"""What has arrived, and what does a reference point at?

R4, resolving references in Bundles: https://hl7.org/fhir/R4/bundle.html#references.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire

_VERSION = re.compile(r"/_history/[^/]+$")


class Received(msgspec.Struct, eq=False, gc=False):
    """One resource as it arrived: its struct, its bytes where they were set apart, and the reference by which others name it.

    `name` is type and id, the id from the fullUrl where the resource has none, and empty without either. `server` is the base of its
    fullUrl, where relative references start from. `shares_id` is set where two servers sent one type and id, so that only the whole URL
    names it.
    """

    resource: wire.Resource
    raw: msgspec.Raw | None
    where: str
    url: str
    kind: str
    name: str
    server: str | None
    outer: Received | None = None
    reference: str = ""
    shares_id: bool = False

    @property
    def place(self) -> Place:
        """Where this resource stands, for origins and issues."""
        version = self.resource.meta.version_id if self.resource.meta else ""
        kind = (self.outer or self).kind
        return Place(reference=self.reference or self.name or self.url, path=self.where, version=version or None, type=kind)


def received(resource: wire.Resource, raw: msgspec.Raw | None, where: str, url: str = "", outer: Received | None = None) -> Received:
    """A resource that was read, with what it is called."""
    kind = type(resource).__name__
    name = f"{kind}/{resource.id}" if resource.id else _named_by(url, kind)
    server = url.removesuffix(name) if name and url.endswith(f"/{name}") and "://" in url else None
    return Received(resource, raw, where, url, kind, name, server, outer)


@dataclass(slots=True)
class Arrived:
    """Everything that arrived in one request, with an index by every name a reference may use."""

    received: list[Received] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    by_name: dict[str, Received] = field(default_factory=dict)
    by_type_and_id: dict[str, list[Received]] = field(default_factory=dict)
    other_names: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    entries: int = 0
    packed: bytes = b""
    unpacked: tuple[wire.Entry, ...] = ()
    by_kind: dict[str, list[Received]] = field(default_factory=dict)

    def tell(self, code: str, severity: Severity, text: str, where: str, reference: str = "") -> None:
        """Remember a problem."""
        self.issues.append(Issue(code=code, severity=severity, text=text, place=Place(reference=reference, path=where)))

    def add(self, one: Received) -> None:
        """Take in a resource that was read, and count it."""
        self.counts[one.kind] = self.counts.get(one.kind, 0) + 1
        self.received.append(one)

    def bytes_of(self, one: Received) -> bytes:
        """A resource as it was sent; what was read in one pass is unpacked for the first who asks."""
        if one.raw is not None:
            return bytes(one.raw)
        if not self.unpacked:
            self.unpacked = wire.read_packed(self.packed).entry
        number = int(one.where.removeprefix("Bundle.entry[").partition("]")[0])
        return bytes(self.unpacked[number].resource)

    def index(self) -> None:
        """Give every resource its reference, and make it known by every name that others may use."""
        by_name, by_type_and_id = self.by_name, self.by_type_and_id
        for one in self.received:
            by_type_and_id.setdefault(one.name, []).append(one)
        for one in self.received:
            name, url = one.name, one.url
            one.shares_id = bool(name) and len(by_type_and_id[name]) > 1
            by_url = url.startswith("urn:") or one.shares_id or not name
            one.reference = (url if by_url else name) or name or one.where
            if url:
                by_name[url] = one
            by_name[one.reference] = one

    def sort(self) -> None:
        """Group what arrived by its type, now that everything is there."""
        for one in self.received:
            self.by_kind.setdefault(one.kind, []).append(one)

    def of(self, *kinds: type[wire.Part]) -> list[Received]:
        """Everything of these types, in the order of arrival."""
        if len(kinds) == 1:
            return self.by_kind.get(kinds[0].__name__, [])
        names = {kind.__name__ for kind in kinds}
        return [one for one in self.received if one.kind in names]

    def find(self, reference: str, within: Received | None = None) -> Received | None:
        """The resource a reference points at, or None when it is not in what arrived."""
        holder = (within.outer or within) if within else None
        if reference.startswith("#"):
            return _contained(reference, holder, self.by_name)
        plain = without_version(reference)
        server = holder.server if holder else None
        exact = self.by_name.get(f"{server}{plain}") if server else None
        return exact or (self.by_name.get(plain) if ":" in plain else None) or self._on_any_server(plain, server)

    def _on_any_server(self, plain: str, server: str | None) -> Received | None:
        """By type and id alone, where that confuses no two servers: at least one of the two must name none."""
        name = _type_and_id(plain)
        asked = plain.removesuffix(name) if "://" in plain else server
        found = [one for one in self.by_type_and_id.get(name, ()) if asked is None or one.server in (None, asked)]
        return found[0] if len(found) == 1 else None

    def holds(self, reference: str, within: Received | None = None) -> bool:
        """True when the reference points at something that arrived, read or not."""
        return self.find(reference, within) is not None or any(name in self.other_names for name in _spellings(reference, within))

    def type_of(self, reference: str, within: Received | None = None) -> str:
        """The type of what arrived without being read, else the type that the reference itself spells; empty when neither tells."""
        told = next((self.other_names[name] for name in _spellings(reference, within) if name in self.other_names), "")
        spelt = _type_and_id(without_version(reference)).partition("/")[0]
        return told or (spelt if "/" in reference and spelt.isalpha() else "")

    def pass_by(self, resource_type: str, *names: str) -> None:
        """Remember what arrived and is not read, under these names."""
        self.other_names |= {name: resource_type for name in names if name}


def _contained(reference: str, holder: Received | None, by_name: dict[str, Received]) -> Received | None:
    """The resource inside this holder; `#` alone is the holder itself."""
    if holder is None or reference == "#":
        return holder
    return by_name.get(f"{holder.reference}{reference}")


def _spellings(reference: str, within: Received | None) -> tuple[str, ...]:
    plain = without_version(reference)
    holder = (within.outer or within).reference if within else ""
    return plain, _type_and_id(plain), f"{holder}{plain}"


def _named_by(url: str, kind: str) -> str:
    tail = _type_and_id(url)
    return tail if "://" in url and tail.startswith(f"{kind}/") else ""


def _type_and_id(reference: str) -> str:
    return "/".join(reference.rsplit("/", 2)[-2:])


def without_version(reference: str) -> str:
    """The reference without `/_history/...`: a resource counts in the version that was sent."""
    return _VERSION.sub("", reference) if "/_history/" in reference else reference


def references(of: Iterable[wire.Reference]) -> tuple[str, ...]:
    """The literal references of a list, without empty ones."""
    return tuple([one.reference for one in of if one.reference]) if of else ()
