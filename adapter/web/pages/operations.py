"""What waits, what died, and what do senders say that we do not understand? For those who run the service and for terminologists."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from adapter.delivery import outbox, subscriptions
from adapter.delivery.jobs import State
from adapter.delivery.sightings import sightings
from adapter.page.suggestions import suggestion
from adapter.unmapped import tally, to_fill_in
from adapter.web.described import Given, Reply, described, page_call
from adapter.web.desk import desk
from adapter.web.guard import needs_all
from adapter.web.jobs import workplace
from adapter.web.pages.frame import page, page_blueprint
from adapter.web.pages.operators import OPERATORS, operators_only

operations = page_blueprint("operations_pages")
needs_all(operations, OPERATORS)
operations.before_request(operators_only)

_MOST_JOBS = 50


_KEPT = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})


@operations.get("/operations")
@described(GET=page_call("What waits, what died, and what was heard last", refusals=_KEPT))
def overview() -> Response:
    """How many jobs stand where, the dead ones with their reasons, the newest ones, and what the subscriptions last heard."""
    engine = workplace().engine
    return page(
        "operations.html",
        counts=outbox.counted(engine),
        dead=outbox.listed(engine, [State.DEAD], _MOST_JOBS),
        newest=outbox.listed(engine, [], _MOST_JOBS),
        subscriptions=subscriptions.every(engine),
        events=subscriptions.last_events(engine, _MOST_JOBS),
    )


@operations.post("/operations/jobs/<job>/retry")
@described(
    POST=page_call("Ask again for a job that died", refusals=_KEPT | {HTTPStatus.CONFLICT}).model_copy(
        update={"replies": {303: Reply(words="It waits again", types=())}}
    )
)
def retry(job: str) -> AnyResponse:
    """Ask again for a job that died or was taken back."""
    if _is_from_elsewhere():
        abort(HTTPStatus.FORBIDDEN, "this form has to be sent from the page of this service")
    if outbox.retry(workplace().engine, job, workplace().clock()) is None:
        abort(HTTPStatus.CONFLICT, "only a job that died or was taken back can be asked for again")
    return redirect(url_for("operations_pages.overview"), HTTPStatus.SEE_OTHER)


@operations.get("/operations/unmapped")
@described(GET=page_call("Codes that our maps do not have", refusals=_KEPT))
def unmapped() -> Response:
    """The codes that our maps do not have, with what they could mean."""
    books = desk().knowledge
    seen = [(one, suggestion(one.code, books)) for one in sightings(workplace().engine)]
    return page("unmapped.html", seen=seen, senders=sorted({one.sender for one, _ in seen}))


@operations.get("/operations/unmapped.csv")
@described(
    GET=page_call(
        "The same as a codes.csv to fill in", query=(Given(name="sender", words="Only what this sender sent"),), refusals=_KEPT
    ).model_copy(update={"replies": {200: Reply(words="The list", types=("text/csv",))}})
)
def unmapped_csv() -> Response:
    """The same as the codes.csv of a sender folder, to fill in; of one sender where `sender` names it."""
    asked, books = request.args.get("sender"), desk().knowledge
    seen = [one for one in sightings(workplace().engine) if asked in (None, one.sender)]
    rows = to_fill_in(tally((one.code, one.count) for one in seen), lambda code: suggestion(code, books))
    answer = Response(rows, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="codes.csv"'
    return answer


def _is_from_elsewhere() -> bool:
    """Whether another site sent the form: browsers say so, and what does not say is no browser."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc != request.host
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
