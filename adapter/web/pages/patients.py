"""What does the FHIR server hold of a patient, and what follows? The same page, from the same fetch as the operation.

Whoever came from the record reads with the token of that launch, and the one patient of it. Without authorization, on this machine, the
service reads with its own.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import abort, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from adapter.delivery.audit import Witness
from adapter.delivery.launches import Held
from adapter.fhir.record import fetch
from adapter.fhir.smart_launch import NoLaunch
from adapter.web.delivery import fetched
from adapter.web.described import Given, described, page_call
from adapter.web.desk import desk
from adapter.web.guard import needs_all, on_this_machine, own_check
from adapter.web.jobs import workplace
from adapter.web.pages.frame import page, page_blueprint
from adapter.web.pages.launch import launched, no_launch, refuse_what_has_ended
from adapter.web.pages.start import shown

patients = page_blueprint("patient_pages")
needs_all(patients, own_check("a launch from the record for this very patient; without authorization, whoever is on this machine"))
patients.register_error_handler(NoLaunch, no_launch)


_UPSTREAM = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNPROCESSABLE_ENTITY})


@patients.get("/patient")
@described(GET=page_call("A form for the id of a patient", leads_on=True, query=(Given(name="id", words="The id of the Patient"),)))
def choose() -> AnyResponse:
    """A form for the id of a patient, or the way to the page of the one that was asked for."""
    asked = request.args.get("id", "").strip().removeprefix("Patient/")
    return redirect(url_for("patient_pages.show", patient=asked), HTTPStatus.SEE_OTHER) if asked else page("patients.html")


@patients.get("/patient/<patient>")
@described(GET=page_call("The page of a patient of the FHIR server", leads_on=True, refusals=_UPSTREAM))
def show(patient: str) -> AnyResponse:
    """The page of what the FHIR server holds about a patient; nothing is stored or changed there."""
    held = launched(patient)
    if held is not None:
        return shown(_fetched_as(held), [], is_launched=True)
    if desk().settings.auth == "none":
        on_this_machine()
        return shown(fetched(patient), [])
    refuse_what_has_ended()
    if "launch.begin" not in current_app.view_functions:
        abort(HTTPStatus.FORBIDDEN, "patients are opened from the record, and this site has set no ADAPTER_LAUNCH_CLIENT_ID")
    return redirect(url_for("launch.begin"), HTTPStatus.SEE_OTHER)


def _fetched_as(held: Held) -> bytes:
    """What the person who launched us may read of the patient."""
    place, reference = workplace(), f"Patient/{held.patient}"
    witness = Witness(place.engine, held.base, reference)
    try:
        return fetch(place.connect_as(held.base, held.token, witness), reference, place.canonical, place.max_entries).bundle()
    finally:
        witness.keep_reads()
