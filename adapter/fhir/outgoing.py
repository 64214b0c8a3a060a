"""How does a request of ours leave? To a permitted address, over verified TLS, within a time and a size, and never after a redirect."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from secrets import token_hex
from time import monotonic
from typing import NamedTuple

import msgspec
import requests
import urllib3

from adapter.fhir.addresses import permitted
from adapter.fhir.trouble import Fault, Trouble

_PIECE = 64 * 1024
_VERSION = re.compile(r'^(?:W/)?"?([^"]+)"?$')

# Numbers keep their digits: R4 asks for that, and 2.50 g/ml is not the same statement as 2.5.
decode = msgspec.json.Decoder(float_hook=Decimal).decode


# It logs the address of each request, in which a patient stands.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def version(self) -> str | None:
        """The version from a weak or strong ETag (R4 http: A7)."""
        found = _VERSION.match(self.headers.get("ETag", "").strip())
        return found.group(1) if found else None

    def json(self) -> object:
        """The body, which has to be whole, with numbers that somebody can hold."""
        try:
            body: object = decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
            raise Trouble(Fault.CUT_OFF, "the body of the answer is not whole JSON", status=self.status) from error
        return body


class Limits(NamedTuple):
    """How long we wait and how much we take: seconds to connect, between two pieces and for the whole, and bytes of one answer."""

    connect: float = 5.0
    read: float = 30.0
    whole: float = 60.0
    max_bytes: int = 50 * 1024 * 1024


DEFAULT_LIMITS = Limits()
# For what an authorization server says of itself or of a token: small, and a caller is waiting.
SHORT_LIMITS = Limits(connect=3.0, read=5.0, whole=8.0, max_bytes=256 * 1024)


# The request on whose behalf we ask (its id and its traceparent), so that the logs of all who took part can be laid side by side.
TRACING: ContextVar[tuple[str, str]] = ContextVar("tracing", default=("", ""))


def session(ca: str | None = None) -> requests.Session:
    """A session that verifies TLS against our own authorities or the common ones."""
    made = requests.Session()
    made.verify = ca or True
    # Without this, a .netrc of the account could replace our token.
    made.auth = _as_it_is
    return made


def exchanged(
    line: requests.Session,
    method: str,
    url: str,
    allowed: Iterable[str],
    *,
    data: bytes | Mapping[str, str] | None = None,
    headers: Mapping[str, str],
    limits: Limits,
) -> Answer:
    """One exchange with a permitted address."""
    target, until, timeout = permitted(url, allowed), monotonic() + limits.whole, (limits.connect, limits.read)
    try:
        with line.request(
            method, target, data=data, headers={**headers, **_traced()}, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            return Answer(response.status_code, response.headers, _whole(response, until, limits.max_bytes))
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise Trouble(Fault.TIMEOUT, method) from error
    except requests.RequestException as error:
        raise Trouble(Fault.UNREACHABLE, method) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Trouble(Fault.CUT_OFF, method) from error


def _traced() -> dict[str, str]:
    """The correlation id, and the trace with a step of our own in it (https://www.w3.org/TR/trace-context/)."""
    request_id, trace = TRACING.get()
    ours = {"X-Correlation-Id": request_id} if request_id else {}
    return ours | ({"traceparent": f"{trace[:36]}{token_hex(8)}{trace[52:]}"} if trace else {})


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _whole(response: requests.Response, until: float, most: int) -> bytes:
    """The body, while it keeps to the time and the size that are allowed."""
    content = bytearray()
    # Whatever has come is looked at at once: a server that sends one byte a second must not hold us for ever.
    while piece := response.raw.read1(_PIECE, decode_content=True):
        content += piece
        if len(content) > most:
            raise Trouble(Fault.TOO_LARGE, "an answer is larger than what is taken here", status=response.status_code)
        if monotonic() > until:
            raise Trouble(Fault.TIMEOUT, "an answer came too slowly", status=response.status_code)
    return bytes(content)
