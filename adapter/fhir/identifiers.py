"""What makes an answer the same answer tomorrow? Names that hold whatever day it runs and whatever the value is (design section 5)."""

from __future__ import annotations

from hashlib import sha1
from uuid import NAMESPACE_URL

import msgspec

from adapter.facts.answers import About
from adapter.facts.case import Case


def result_identifier(canonical: str, case: Case, about: About) -> dict[str, str]:
    """The lasting identifier of an answer: the same for the same patient, case, kind and subject, whatever the value and the day."""
    parts = (case.patient.key, case.key, about.result, about.basis, about.specimen, about.scheme)
    imaging = (about.tracer, about.lesion, about.scan, about.measure)
    genetic = (about.gene, about.origin)
    item = (about.item,) if about.item else ()
    return _identifier(canonical, "result", *parts, *(imaging if any(imaging) else ()), *(genetic if any(genetic) else ()), *item)


def report_identifier(canonical: str, patient_key: str) -> dict[str, str]:
    """The lasting identifier of the report of one patient."""
    return _identifier(canonical, "report", patient_key)


def device_identifier(canonical: str, software_version: str, knowledge_version: str) -> dict[str, str]:
    """The identifier of the software at one version: an older answer keeps pointing at the version that gave it."""
    return _identifier(canonical, "device", software_version, knowledge_version)


def full_url(identifier: dict[str, str]) -> str:
    """The address of a Bundle entry without an id, made from its lasting identifier."""
    return f"urn:uuid:{_uuid(identifier['system'] + '|' + identifier['value'])}"


def entry_url(canonical: str, kind: str, patient_key: str) -> str:
    """The address of a Bundle entry that has no identifier of its own."""
    return full_url(_identifier(canonical, kind, patient_key))


def pointer(reference: str, version: str | None = None) -> dict[str, str]:
    """A Reference to what was sent: to the holder of a contained resource, and in words to a resource without an id."""
    base = reference.partition("#")[0]
    if base.startswith("urn:"):
        return {"reference": base}
    if "/" not in base:
        return {"display": reference}
    return {"reference": f"{base}/_history/{version}" if version and "/_history/" not in base else base}


def _identifier(canonical: str, kind: str, *parts: str | None) -> dict[str, str]:
    """The parts are joined as JSON, so that no two lists of parts can give the same text."""
    system = f"{canonical}/NamingSystem/{kind}"
    return {"system": system, "value": _uuid(f"{system}|{msgspec.json.encode(parts).decode()}")}


def _uuid(name: str) -> str:
    """The UUID of a name, version 5 (RFC 9562, 5.5), as text; a reply has fifty, and the standard library takes four times as long."""
    digest = sha1(NAMESPACE_URL.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
