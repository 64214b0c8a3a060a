"""What does a server say has changed? R4 rest-hook and the R5 subscriptions backport to R4.

https://hl7.org/fhir/R4/subscription.html and https://hl7.org/fhir/uv/subscriptions-backport/notifications.html: E2. The status may be the
Parameters of R4 or the SubscriptionStatus of R4B, and the payload empty, id-only or full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import InvalidOperation
from http import HTTPStatus
from typing import Any

import msgspec

from adapter.facts.case import Issue
from adapter.facts.frozen import Frozen
from adapter.facts.vocabulary import Severity
from adapter.fhir.outcome import Refusal
from adapter.fhir.outgoing import decode

_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,40}/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$")


class Changed(Frozen):
    """One resource that changed, with its patient where the notification tells, and its version and our identity where it was sent."""

    reference: str
    patient: str | None = None
    identity: str | None = None
    version: str | None = None


class NotifiedEvent(Frozen):
    """One numbered event with what it is about."""

    number: int
    changed: tuple[Changed, ...] = ()


class Notification(Frozen):
    """One notification: its kind, how many events there have been in all, and what changed."""

    kind: str
    status: str | None = None
    events_so_far: int | None = None
    events: tuple[NotifiedEvent, ...] = ()
    changed: tuple[Changed, ...] = ()


def notification_of(body: bytes, identities: tuple[str, ...], path: str = "") -> Notification:
    """The notification in a body, or in the path of a rest-hook that has none; `identities` are the systems of our own identifiers."""
    if not body.strip():
        reference = reference_in(path)
        return Notification(kind="ping", changed=(Changed(reference=reference),) if reference else ())
    sent = _read(body)
    if sent.get("resourceType") != "Bundle":
        return Notification(kind="resource", changed=tuple(_changed([sent], identities)))
    resources = [one for one in (_object(entry, "resource") for entry in _objects(sent, "entry")) if one]
    status = resources[0] if resources and resources[0].get("resourceType") in ("Parameters", "SubscriptionStatus") else None
    if status is None:
        return Notification(kind="resource", changed=tuple(_changed(resources, identities)))
    told = _from_parameters(status) if status["resourceType"] == "Parameters" else status
    full = {one.reference: one for one in _changed(resources[1:], identities)}
    numbered = [(_number(one.get("eventNumber")), _about(one, full)) for one in _objects(told, "notificationEvent")]
    return Notification(
        kind=str(told.get("type", "")) or "event-notification",
        status=_word(told.get("status")),
        events_so_far=_number(told.get("eventsSinceSubscriptionStart")),
        events=tuple(NotifiedEvent(number=number, changed=about) for number, about in numbered if number),
        changed=tuple(one for number, about in numbered if not number for one in about),
    )


def patient_of(resource: Mapping[str, Any]) -> str | None:
    """The patient of a resource as `Patient/id`; None where it names none on this server."""
    if resource.get("resourceType") == "Patient":
        return reference_in(f"Patient/{resource.get('id')}")
    for name in ("subject", "patient"):
        pointer = resource.get(name)
        found = reference_in(str(pointer.get("reference", ""))) if isinstance(pointer, dict) else None
        if found and found.startswith("Patient/"):
            return found
    return None


def reference_in(text: str) -> str | None:
    """`Type/id` out of a reference, relative or absolute, with a version or without; None where it is neither."""
    found = _REFERENCE.search(text)
    return found.group(1) if found else None


def _read(body: bytes) -> dict[str, Any]:
    try:
        sent = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
        raise _refused("broken-json", "the notification is not JSON") from error
    if not isinstance(sent, dict):
        raise _refused("invalid-resource", "the notification is no FHIR resource")
    return sent


def _changed(resources: list[dict[str, Any]], identities: tuple[str, ...]) -> Iterator[Changed]:
    for one in resources:
        reference = reference_in(f"{one.get('resourceType')}/{one.get('id')}")
        if reference:
            version = _object(one, "meta").get("versionId")
            identity = our_identity(one, identities)
            yield Changed(reference=reference, patient=patient_of(one), identity=identity, version=str(version) if version else None)


def our_identity(resource: Mapping[str, Any], systems: tuple[str, ...]) -> str | None:
    """The lasting identifier that we gave a resource, as `system|value`; None for what others wrote."""
    identifiers = resource.get("identifier", ())
    if not isinstance(identifiers, list):
        return None
    ours = (one for one in identifiers if isinstance(one, dict) and one.get("system") in systems and one.get("value"))
    return next((f"{one['system']}|{one['value']}" for one in ours), None)


def _about(event: Mapping[str, Any], full: Mapping[str, Changed]) -> tuple[Changed, ...]:
    """The focus of an event; its patient comes from the resource that was sent along, or from the context that names one."""
    references = [reference_in(str(one.get("reference", ""))) for one in (_object(event, "focus"), *_objects(event, "additionalContext"))]
    patient = next((one for one in references if one and one.startswith("Patient/")), None)
    focus = references[0]
    return (full.get(focus, Changed(reference=focus, patient=patient)),) if focus else ()


def _from_parameters(status: Mapping[str, Any]) -> dict[str, Any]:
    """The status Parameters of R4 in the form of the SubscriptionStatus of later versions; names in kebab-case or camelCase."""
    told: dict[str, Any] = {"notificationEvent": []}
    for parameter in _objects(status, "parameter"):
        name = _camel(str(parameter.get("name", "")))
        if name == "notificationEvent":
            told["notificationEvent"].append(_parts(parameter))
        else:
            told[name] = _value(parameter)
    return told


def _parts(parameter: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"additionalContext": []}
    for part in _objects(parameter, "part"):
        name = _camel(str(part.get("name", "")))
        if name == "additionalContext":
            found["additionalContext"].append(_value(part))
        else:
            found[name] = _value(part)
    return found


def _camel(name: str) -> str:
    head, *rest = name.split("-")
    return head + "".join(word.capitalize() for word in rest)


def _value(parameter: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a parameter holds a value of any type.
    return next((value for name, value in parameter.items() if name.startswith("value")), None)


def _object(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of this name, empty where none was sent."""
    found = holder.get(name) or {}
    if not isinstance(found, dict):
        raise _refused("invalid-resource", f"{name} in the notification is no object")
    return found


def _objects(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list of this name, none where none was sent."""
    found = holder.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _refused("invalid-resource", f"{name} in the notification is no list of objects")
    return found


def _word(value: object) -> str | None:
    """A text, or None for anything else."""
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    """A number that stands as a number or, as integer64 does in JSON, as text."""
    text = str(value) if value is not None else ""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def _refused(code: str, text: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, (Issue(code=code, severity=Severity.ERROR, text=text),))
