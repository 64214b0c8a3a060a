"""Who asked for what about a patient? Kept for every operation with a token, done or not allowed, before the answer leaves: F3."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, current_app, g, request

from adapter.delivery import audit
from adapter.fhir.served_event import Served
from adapter.web.desk import desk
from adapter.web.guard import caller, need_of

# Primitives of nobody.
_ABOUT_NOBODY = frozenset({"stage"})


def keep(response: Response) -> None:
    """Keep what was asked, where there is a database; raises NotKept, and then nothing is answered.

    A caller who proved nothing is in the log only: whoever reaches the port could fill the database otherwise.
    """
    place, operation = desk().workplace, g.get("operation", "")
    if place is None or not operation or operation in _ABOUT_NOBODY or not _is_somebody():
        return
    who = caller()
    served = Served(
        operation=operation,
        request_id=g.request_id,
        moment=datetime.now(UTC),
        status=response.status_code,
        client=who.client,
        user=who.user,
        issuer=who.issuer,
        token_id=who.token_id,
        patient=_patient(),
    )
    audit.keep(place.engine, next(iter(desk().settings.fhir_servers), ""), served)


def _is_somebody() -> bool:
    """A caller whose token was good, even where it did not allow this; without authorization, whoever is on this machine."""
    is_guarded = request.endpoint is not None and need_of(current_app, request.endpoint).kind == "bearer"
    return is_guarded and (bool(caller().issuer) or desk().settings.auth == "none")


def _patient() -> str | None:
    named = (request.view_args or {}).get("patient")
    if named is not None:
        return f"Patient/{named}"
    found: str | None = g.get("subject")
    return found or (f"Patient/{caller().patient}" if caller().only_patient else None)
