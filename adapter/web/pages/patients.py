"""What does the FHIR server hold of a patient, and what follows? The same page, from the same fetch as the operation."""

from __future__ import annotations

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from adapter.web.delivery import fetched
from adapter.web.pages.frame import page, page_blueprint
from adapter.web.pages.start import shown

patients = page_blueprint("patient_pages")


@patients.get("/patient")
def choose() -> AnyResponse:
    """A form for the id of a patient, or the way to the page of the one that was asked for."""
    asked = request.args.get("id", "").strip().removeprefix("Patient/")
    return redirect(url_for("patient_pages.show", patient=asked)) if asked else page("patients.html")


@patients.get("/patient/<patient>")
def show(patient: str) -> Response:
    """The page of what the FHIR server holds about a patient; nothing is stored or changed there."""
    return shown(fetched(patient), [])
