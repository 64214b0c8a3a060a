"""What has to be written so that a server holds exactly what follows now? One transaction for one patient, or nothing.

A result that the server does not hold is created on the condition that its identifier is not there (R4 http: A13). One that it holds in
other words is updated in the version that was read (A8), so that whoever wrote meanwhile is never overwritten. One that no longer follows
is marked entered-in-error. The report carries a fingerprint of the versions of all inputs and so changes whenever one of them does:
a computation that read older inputs then fails as a whole on the version of the report. Each change has one Provenance (F1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from adapter.fhir.client import encode
from adapter.fhir.identifiers import entry_url
from adapter.fhir.outgoing import decode
from adapter.fhir.record import Record, identity_of, version_of

WITHDRAWN = "entered-in-error"
_WRITTEN_TYPES = frozenset({"Observation", "DiagnosticReport"})
# What a server may change without changing what is said, and what says only when it was said, or by which version of the software.
_NOT_CONTENT = frozenset({"id", "meta", "text", "issued", "device"})

Resource = dict[str, Any]


class Deed(StrEnum):
    """What is done with one resource."""

    CREATE = "create"
    UPDATE = "update"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that has to be written, under the identity that it keeps for ever."""

    deed: Deed
    identity: str
    resource: Resource
    reference: str
    version: str | None = None


class Settled(NamedTuple):
    """One resource as the server holds it after a transaction."""

    identity: str
    reference: str
    version: str | None
    digest: str
    deed: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who answers: the Device with its versions, the address that results give it, the code of its part, and the policy it follows."""

    device: Resource
    url: str
    part: Resource
    policy: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every change for one patient, and the Provenance of all of them with its address inside the transaction."""

    changes: tuple[Change, ...]
    unchanged: int
    provenance: Resource
    provenance_url: str
    base: str

    def essence(self) -> list[str]:
        """What would be written, without the moment of writing: two plans with the same essence ask for the same."""
        return [f"{one.deed} {one.identity} {one.version} {digest_of(one.resource)}" for one in self.changes]

    def counts(self) -> dict[str, int]:
        """How many of each deed, and how many results stay as they are."""
        found = {deed.value: sum(change.deed is deed for change in self.changes) for deed in Deed}
        return found | {"unchanged": self.unchanged}


def plan(result: bytes, record: Record, *, canonical: str, author: Author, issued: str, known: Mapping[str, Settled] | None = None) -> Plan:
    """The difference between the result Bundle and what the record says the server holds of ours.

    `known` is what we last wrote: where the server still holds that version and we would write the same, nothing has changed, in
    whatever words the server keeps it.
    """
    answered: Resource = decode(result)
    entries = [(entry["fullUrl"], entry["resource"]) for entry in answered.get("entry", ())]
    said = [entity["what"] for _, one in entries if one["resourceType"] == "Provenance" for entity in one.get("entity", ())]
    inputs = [_versioned(what, record) for what in said]
    held = _held(record, canonical)
    wanted = {identity: (url, one) for url, one in entries if (identity := identity_of(one, canonical))}
    if len(wanted) != sum(one["resourceType"] in _WRITTEN_TYPES for _, one in entries):
        raise ValueError("two results share one identifier, and one of them would be lost in the transaction")
    marked = {identity: _with_fingerprint(one, inputs, canonical) for identity, (_, one) in wanted.items()}
    addresses = {url: held[identity][0][0] for identity, (url, _) in wanted.items() if identity in held}
    named = {identity: (url, _pointing(marked[identity], addresses)) for identity, (url, _) in wanted.items()}
    changes = [
        *(change for change in _written(named, held, record.base) if not _is_settled(change, known or {})),
        *_retracted(held, wanted.keys(), issued),
    ]
    kept = len(wanted) - sum(change.deed is not Deed.RETRACT for change in changes)
    written = _provenance(changes, author, inputs, record, issued)
    return Plan(tuple(changes), kept, written, entry_url(canonical, "provenance", record.patient), record.base)


def entries_of(plan: Plan, author: Author, device: str) -> list[Resource]:
    """The entries of the transaction, each identity once; the Device stands at this reference.

    Every entry has a fullUrl: without one, R4 gives no meaning to a relative reference inside it (bundle.html#references).
    """
    devices = {author.url: device}
    provenance = {"resource": _pointing(plan.provenance, devices), "request": {"method": "POST", "url": "Provenance"}}
    return [*(_entry(change, devices, plan.base) for change in plan.changes), {"fullUrl": plan.provenance_url, **provenance}]


def settled(plan: Plan, responses: Sequence[Mapping[str, Any]]) -> list[Settled]:
    """How the server calls each change now, in which version; what a conditional create found already is not among them."""
    done = [(change, *_address(change, response)) for change, response in zip(plan.changes, responses, strict=False)]
    addresses = {change.reference: reference for change, reference, _ in done}
    return [
        Settled(change.identity, reference, version, digest_of(_pointing(change.resource, addresses)), str(change.deed))
        for (change, reference, version), response in zip(done, responses, strict=False)
        if not _was_there(change, response)
    ]


def found_already(plan: Plan, responses: Sequence[Mapping[str, Any]]) -> list[str]:
    """The references of results that somebody had created before us although we had not seen them: they were left as they are."""
    pairs = zip(plan.changes, responses, strict=False)
    return [_address(change, response)[0] for change, response in pairs if _was_there(change, response)]


def digest_of(resource: Resource) -> str:
    """A fingerprint of what a resource says."""
    return sha256(encode(content_of(resource, ""))).hexdigest()


def query_for(identity: str) -> str:
    """The search that finds an identity, for a conditional create or update."""
    system, _, value = identity.partition("|")
    return f"identifier={quote(system, safe='')}%7C{quote(value, safe='')}"


def content_of(resource: Mapping[str, Any], base: str) -> Resource:
    """What a resource says, without what a server adds, the address of the server in its references and the version of the rule set."""
    said = {name: value for name, value in resource.items() if name not in _NOT_CONTENT}
    profiles = resource.get("meta", {}).get("profile", ())
    plain: Resource = _without_base(said, base)
    if rule_sets := [_without_version(one) for one in plain.get("extension", ())]:
        plain["extension"] = rule_sets
    return plain | ({"profile": sorted(profiles)} if profiles else {})


def _without_version(extension: Resource) -> Resource:
    """The link to a rule set without its version: a new edition that says the same changes no answer."""
    artifact = extension.get("valueRelatedArtifact", {})
    named = artifact.get("resource", "").partition("|")[0]
    return extension | {"valueRelatedArtifact": artifact | {"resource": named}} if named else extension


def _held(record: Record, canonical: str) -> dict[str, list[tuple[str, Resource]]]:
    """What the server holds of ours, by identity; of several with one identity, the one that counts is the first that still stands."""
    found: dict[str, list[tuple[str, Resource]]] = {}
    for reference, resource in sorted(record.ours.items(), key=lambda item: (item[1].get("status") == WITHDRAWN, item[0])):
        found.setdefault(identity_of(resource, canonical) or "", []).append((reference, resource))
    return found


def _with_fingerprint(resource: Resource, inputs: Sequence[Resource], canonical: str) -> Resource:
    """The report with the fingerprint of all inputs; any other result as it is."""
    if resource["resourceType"] != "DiagnosticReport":
        return resource
    url = f"{canonical}/StructureDefinition/input-versions"
    return resource | {"extension": [*resource.get("extension", ()), {"url": url, "valueString": _fingerprint(inputs)}]}


def _written(wanted: Mapping[str, tuple[str, Resource]], held: Mapping[str, list[tuple[str, Resource]]], base: str) -> Iterator[Change]:
    """A change for each result that the server does not hold, or not in these words."""
    for identity, (url, resource) in wanted.items():
        if identity not in held:
            yield Change(Deed.CREATE, identity, resource, url)
            continue
        reference, standing = held[identity][0]
        if content_of(standing, base) != content_of(resource, base):
            named = resource | {"id": reference.partition("/")[2]}
            yield Change(Deed.UPDATE, identity, named, reference, version_of(standing))


def _retracted(held: Mapping[str, list[tuple[str, Resource]]], wanted: Iterable[str], issued: str) -> Iterator[Change]:
    """A change for each result that the server holds and that no longer follows, and for each second copy of one that does."""
    follows = set(wanted)
    for identity, copies in held.items():
        for reference, standing in copies[identity in follows :]:
            if standing.get("status") != WITHDRAWN:
                yield Change(Deed.RETRACT, identity, _marked(standing, issued), reference, version_of(standing))


def _marked(standing: Resource, issued: str) -> Resource:
    """The resource as it was, marked as an error, so that nobody reads its narrative as an answer."""
    why = "This answer no longer follows from what is on file."
    narrative = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>Entered in error. {why}</p></div>'}
    kept = {name: value for name, value in standing.items() if name not in ("meta", "text")}
    profiles = standing.get("meta", {}).get("profile")
    return {**kept, **({"meta": {"profile": profiles}} if profiles else {}), "text": narrative, "status": WITHDRAWN, "issued": issued}


def _provenance(changes: Sequence[Change], author: Author, inputs: Sequence[Resource], record: Record, issued: str) -> Resource:
    """Who wrote these changes from which versions; for a retraction, the versions of what the answer had rested on count too."""
    before = [one for change in changes if change.deed is Deed.RETRACT for one in change.resource.get("derivedFrom", ())]
    sources = {_spelled(one): one for one in (*(_versioned(one, record) for one in before), *inputs)}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": change.reference} for change in changes],
        "recorded": issued,
        "policy": [author.policy],
        "agent": [{"type": {"coding": [author.part]}, "who": {"reference": author.url}}],
        **({"entity": [{"role": "source", "what": _told(what)} for what in sources.values()]} if sources else {}),
    }


def _is_settled(change: Change, known: Mapping[str, Settled]) -> bool:
    before = known.get(change.identity)
    return before is not None and (before.reference, before.version, before.digest) == (
        change.reference,
        change.version,
        digest_of(change.resource),
    )


def _was_there(change: Change, response: Mapping[str, Any]) -> bool:
    return change.deed is Deed.CREATE and not str(response.get("status", "")).startswith("201")


def _address(change: Change, response: Mapping[str, Any]) -> tuple[str, str | None]:
    """`Type/id` and version from the response to one entry, or what we knew before."""
    path, _, version = str(response.get("location", "")).partition("/_history/")
    reference = "/".join(path.rsplit("/", 2)[-2:]) if path else change.reference
    etag = str(response.get("etag", "")).removeprefix("W/").strip('"')
    return reference, version or etag or None


def _fingerprint(inputs: Iterable[Resource]) -> str:
    """One short text that changes with the version of any input."""
    return sha256("\n".join(sorted(_spelled(one) for one in inputs)).encode()).hexdigest()[:32]


def _spelled(what: Resource) -> str:
    return str(what.get("reference") or what.get("display", ""))


def _versioned(what: Resource, record: Record) -> Resource:
    reference = str(what.get("reference", "")).removeprefix(f"{record.base}/").partition("/_history/")[0]
    version = record.version(reference)
    return {"reference": f"{reference}/_history/{version}"} if version else what


def _told(what: Resource) -> Resource:
    """The reference with its version in words too: some servers keep no version inside a reference."""
    reference, history, version = str(what.get("reference", "")).partition("/_history/")
    return what | {"display": f"{reference}, version {version}"} if history else what


def _entry(change: Change, devices: Mapping[str, str], base: str) -> Resource:
    resource = _pointing(change.resource, devices)
    kind = resource["resourceType"]
    if change.deed is Deed.CREATE:
        request = {"method": "POST", "url": kind, "ifNoneExist": query_for(change.identity)}
        return {"fullUrl": change.reference, "resource": resource, "request": request}
    request = {"method": "PUT", "url": change.reference} | ({"ifMatch": f'W/"{change.version}"'} if change.version else {})
    return {"fullUrl": f"{base}/{change.reference}", "resource": resource, "request": request}


def _pointing(node: Any, addresses: Mapping[str, str]) -> Any:  # noqa: ANN401 - a FHIR resource is a tree of any JSON.
    """A copy in which every reference to one of these addresses is the other one."""
    if isinstance(node, dict):
        return {
            name: addresses.get(value, value) if name == "reference" and isinstance(value, str) else _pointing(value, addresses)
            for name, value in node.items()
        }
    return [_pointing(value, addresses) for value in node] if isinstance(node, list) else node


def _without_base(node: Any, base: str) -> Any:  # noqa: ANN401 - a FHIR resource is a tree of any JSON.
    if isinstance(node, dict):
        return {
            name: value.removeprefix(f"{base}/") if base and name == "reference" and isinstance(value, str) else _without_base(value, base)
            for name, value in node.items()
        }
    return [_without_base(value, base) for value in node] if isinstance(node, list) else node
