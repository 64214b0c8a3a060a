"""What does a CDS client ask? The request of CDS Hooks 2.0.1, with what the ballot of 3.0 adds: https://cds-hooks.hl7.org/2.0/#http-request_1.

Only the envelope is read here (D2). FHIR resources go on as the bytes that were sent, so that every digit arrives.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NoReturn

import msgspec
from msgspec import Raw, Struct

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir.bundle import broken_json
from adapter.fhir.outcome import Refusal

PATIENT_VIEW, ORDER_SELECT = "patient-view", "order-select"

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_NOTHING = Raw(b"")


class Authorization(Struct, frozen=True):
    """The token that the client lends us for this one call; it is shown nowhere, not even by accident (D9)."""

    access_token: str = ""
    token_type: str = ""
    patient: str = ""

    def __repr__(self) -> str:
        return "Authorization()"


class Context(Struct, frozen=True, rename="camel"):
    """Where in the record the user is: the patient, and for an order the drafts and which of them were just selected."""

    user_id: str = ""
    patient_id: str = ""
    selections: tuple[str, ...] | None = None
    draft_orders: Raw = _NOTHING


class HookRequest(Struct, frozen=True, rename="camel"):
    """One call of a service."""

    hook: str = ""
    hook_instance: str = ""
    fhir_server: str = ""
    fhir_authorization: Authorization | None = None
    context: Context | None = None
    prefetch: dict[str, Raw] = {}

    @property
    def patient_id(self) -> str:
        """The id of the patient whose record is open."""
        return self.context.patient_id if self.context else ""

    @property
    def token(self) -> str:
        """The token that was lent, if any."""
        return self.fhir_authorization.access_token if self.fhir_authorization else ""


_decode = msgspec.json.Decoder(HookRequest).decode


def hook_request(body: bytes, hook: str) -> HookRequest:
    """The call that stands in this body, for a service of this hook; a Refusal says what to send instead."""
    try:
        asked = _decode(body)
    except msgspec.ValidationError as error:
        _refuse("invalid-resource", f"the body is no CDS Hooks request: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, (broken_json(body, error),)) from error
    if asked.hook != hook:
        _refuse("not-supported", f'this service is for the hook {hook}; send "hook": "{hook}", or call another service', "hook")
    _check_envelope(asked)
    _check_context(asked.context or Context(), hook)
    return asked


def _check_envelope(asked: HookRequest) -> None:
    if not asked.hook_instance:
        _refuse("missing-element", "hookInstance is needed: a UUID of this call", "hookInstance")
    lent = asked.fhir_authorization
    if lent is None:
        return
    if not asked.fhir_server:
        _refuse("missing-element", "fhirServer is needed where there is a fhirAuthorization", "fhirServer")
    if lent.token_type.lower() != "bearer" or not _is_token(lent.access_token):
        _refuse("invalid-resource", "fhirAuthorization needs token_type Bearer and an access_token", "fhirAuthorization")
    if lent.patient and lent.patient != asked.patient_id:
        _refuse("not-this-patient", "the token is of another patient than context.patientId", "fhirAuthorization.patient")


def _is_token(token: str) -> bool:
    """Whether a token can stand in a header (RFC 6750, b64token)."""
    return re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token) is not None


def _check_context(context: Context, hook: str) -> None:
    if not context.user_id:
        _refuse("missing-element", "context.userId is needed, such as Practitioner/123", "context.userId")
    if not _ID.fullmatch(context.patient_id):
        _refuse("missing-element", "context.patientId is needed: the id of the Patient alone, such as 123", "context.patientId")
    if hook != ORDER_SELECT:
        return
    if not context.selections:
        _refuse("missing-element", "context.selections is needed, such as [MedicationRequest/103]", "context.selections")
    if not bytes(context.draft_orders).startswith(b"{"):
        _refuse("missing-element", "context.draftOrders is needed: a Bundle with the selected orders", "context.draftOrders")


def _refuse(code: str, text: str, path: str = "") -> NoReturn:
    place = Place(reference="", path=path) if path else None
    raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code=code, severity=Severity.ERROR, text=text, place=place),))
