"""How do we speak with a FHIR server on the other side? The R4 RESTful API: https://hl7.org/fhir/R4/http.html.

A request goes only to a server on the list, over verified TLS (or to this machine), within a time limit, and never follows a redirect:
what the server names in a `next` link is held against the same list. One request is one exchange; what is worth repeating is repeated by
the outbox, where it survives the process. Only a token that has run out is renewed here.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin
from uuid import uuid4

import msgspec
import requests

from adapter.fhir.addresses import checked_base, permitted
from adapter.fhir.outgoing import DEFAULT_LIMITS, Answer, Limits, exchanged, session
from adapter.fhir.trouble import Fault, Trouble

FHIR_JSON = "application/fhir+json"
PAGE_SIZE = 200
_GOES_OFF = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_MOVED_ON = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
_ABSOLUTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")

encode = msgspec.json.Encoder(decimal_format="number").encode


class Exchange(NamedTuple):
    """What is asked of a server and how it went, for the audit: no header, no body, no token. Until it is over there is no outcome."""

    interaction: str
    method: str
    url: str
    request_id: str
    began: datetime
    is_over: bool = False
    status: int | None = None


Authorize = Callable[[bool], Mapping[str, str]]


def nobody(_renew: bool) -> Mapping[str, str]:
    """The headers of a caller who needs no authorization."""
    return {}


@dataclass(slots=True)
class FhirServer:
    """One server that we may call: its base, the bases that its links may point at, and how we identify ourselves."""

    base: str
    allowed: tuple[str, ...] = ()
    authorize: Authorize = nobody
    limits: Limits = DEFAULT_LIMITS
    ca: str | None = None
    heard: Callable[[Exchange], None] | None = None
    session: requests.Session = field(init=False)
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base = checked_base(self.base)
        self.allowed = tuple(checked_base(one) for one in self.allowed)
        self.session = session(self.ca)

    def ask(
        self,
        interaction: str,
        method: str,
        where: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One exchange. `where` is relative to the base, or a whole URL that has to be on the list."""
        url = where if _ABSOLUTE.match(where) else f"{self.base}/{where}".rstrip("/")
        permitted(url, (self.base, *self.allowed))
        first = self.authorize(False)  # noqa: FBT003 - What is called has no names: whether a token is to be renewed.
        answer = self._once(interaction, method, url, body, {**(headers or {}), **first})
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # A token that was lent to us, and nobody's, cannot be renewed: asking again would only be refused again.
            renewed = self.authorize(True)  # noqa: FBT003 - As above.
            if renewed != first:
                answer = self._once(interaction, method, url, body, {**(headers or {}), **renewed})
        _raise_for(answer, f"{method} {interaction}")
        return answer

    def _once(self, interaction: str, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        exchange = Exchange(interaction, method, url, uuid4().hex, datetime.now(UTC))
        sent = {"Accept": FHIR_JSON, "X-Request-Id": exchange.request_id, **headers}
        if body is not None:
            sent["Content-Type"] = FHIR_JSON
        self._tell(exchange)
        status = None
        try:
            answer = exchanged(self.session, method, url, (self.base, *self.allowed), data=body, headers=sent, limits=self.limits)
            status = answer.status
        finally:
            self._tell(exchange._replace(is_over=True, status=status))
        return answer

    def _tell(self, exchange: Exchange) -> None:
        if self.heard is not None:
            self.heard(exchange)


def read(server: FhirServer, reference: str) -> dict[str, Any]:
    """The resource at `Type/id`, as it stands now."""
    return _resource(server.ask("read", "GET", reference, headers={"Cache-Control": "no-cache"}))


def pages(server: FhirServer, interaction: str, where: str) -> Iterator[dict[str, Any]]:
    """Every page of a search or an operation, by its `next` links; a link that comes back ends it with a trouble."""
    seen: set[str] = set()
    link: str | None = where
    while link is not None:
        if link in seen:
            raise Trouble(Fault.CUT_OFF, "the pages of the server go round in a circle")
        seen.add(link)
        # Some servers answer a search from a cache that is a minute old; what was written a second ago has to be seen.
        page = _resource(server.ask(interaction, "GET", link, headers={"Cache-Control": "no-cache"}))
        yield page
        link = _next_page(page, where if _ABSOLUTE.match(where) else f"{server.base}/{where}")


def search(server: FhirServer, kind: str, parameters: Mapping[str, str] | Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Every resource that a search matches or includes, over all pages."""
    for page in pages(server, "search", f"{kind}?{urlencode(parameters)}"):
        yield from resources_of(page)


def resources_of(bundle: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The resources of a Bundle, without the OperationOutcome that a server may add to a search."""
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource")
        if resource and resource.get("resourceType") != "OperationOutcome":
            yield resource


def create(server: FhirServer, resource: Mapping[str, Any], *, unless: str | None = None) -> Answer:
    """The answer to a create; with `unless`, only where the query finds nothing (R4 http: A11, A13)."""
    headers = {"Prefer": "return=minimal"} | ({"If-None-Exist": unless} if unless else {})
    return server.ask("create", "POST", str(resource["resourceType"]), body=encode(resource), headers=headers)


def update(server: FhirServer, resource: Mapping[str, Any], *, version: str | None = None) -> Answer:
    """The answer to an update; with a version, only where that is still the current one (R4 http: A8, A12)."""
    headers = {"Prefer": "return=minimal"} | ({"If-Match": f'W/"{version}"'} if version else {})
    where = f"{resource['resourceType']}/{resource['id']}"
    return server.ask("update", "PUT", where, body=encode(resource), headers=headers)


def conditional_update(server: FhirServer, resource: Mapping[str, Any], query: str) -> Answer:
    """The answer to an update of whatever the query finds, or a create where it finds nothing (R4 http: A14)."""
    where = f"{resource['resourceType']}?{query}"
    return server.ask("update", "PUT", where, body=encode(resource), headers={"Prefer": "return=minimal"})


def transact(server: FhirServer, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The response of each entry of a transaction, in order, every one of them a success (R4 http: A18, A19)."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    answered = _resource(server.ask("transaction", "POST", "", body=encode(bundle), headers={"Prefer": "return=minimal"}))
    responses = [entry.get("response", {}) for entry in answered.get("entry", ())]
    if len(responses) != len(entries):
        raise Trouble(Fault.CUT_OFF, f"the transaction had {len(entries)} entries and its answer {len(responses)}")
    refused = [response for response in responses if not str(response.get("status", "")).startswith("2")]
    if refused:
        # R4 allows no such answer. The server is read again, and only what is missing is sent.
        raise Trouble(Fault.PARTLY_REFUSED, f"{len(refused)} of {len(entries)} entries of a transaction")
    return responses


def capabilities(server: FhirServer) -> dict[str, Any]:
    """The CapabilityStatement, asked once."""
    if "metadata" not in server.known:
        server.known["metadata"] = _resource(server.ask("capabilities", "GET", "metadata"))
    found: dict[str, Any] = server.known["metadata"]
    return found


def offered(server: FhirServer) -> dict[str, dict[str, Any]]:
    """What the server says about each resource type that it knows."""
    rest: dict[str, Any] = next(iter(capabilities(server).get("rest", ())), {})
    return {one["type"]: one for one in rest.get("resource", ()) if "type" in one}


def _raise_for(answer: Answer, what: str) -> None:
    """Nothing for a success; else the trouble that its status means."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    raise Trouble(_fault(status), what, status=status, retry_after=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)))


def _fault(status: int) -> Fault:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Fault.THROTTLED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        return Fault.SERVER_ERROR
    if status in _GOES_OFF:
        return Fault.GONE
    if status in _MOVED_ON:
        return Fault.CONFLICT
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return Fault.TIMEOUT
    return Fault.NOT_AUTHORIZED if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else Fault.REFUSED


def retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After asks for, written as seconds or as a date; None where it says nothing that can be read."""
    text = (header or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def _resource(answer: Answer) -> dict[str, Any]:
    resource = answer.json()
    if not isinstance(resource, dict) or "resourceType" not in resource or not _has_the_shape_of_a_page(resource):
        raise Trouble(Fault.CUT_OFF, "the answer is no FHIR resource", status=answer.status)
    return resource


def _has_the_shape_of_a_page(resource: Mapping[str, Any]) -> bool:
    """Whether links and entries, where there are any, are lists of objects, and what an entry holds is an object too."""
    listed = [resource.get(name) or [] for name in ("link", "entry")]
    if not all(isinstance(found, list) and all(isinstance(one, dict) for one in found) for found in listed):
        return False
    return all(isinstance(entry.get("resource") or {}, dict) for entry in listed[1])


def _next_page(page: Mapping[str, Any], asked: str) -> str | None:
    link = next((one.get("url") for one in page.get("link", ()) if one.get("relation") == "next"), None)
    return urljoin(asked, link) if link else None
