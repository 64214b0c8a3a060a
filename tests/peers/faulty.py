"""A bad line to a good server: a proxy that passes everything on, except where a test told it to fail, and how."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import ClassVar

import requests


class Breakage(StrEnum):
    """What happens to one request."""

    NOTHING = "nothing"  # Only what the test does `before` or `after`.
    ANSWER_STATUS = "answer-status"  # The server never hears of it.
    DROP_BEFORE = "drop-before"  # The connection breaks before the server hears of it.
    DROP_AFTER = "drop-after"  # The server does it, and the connection breaks before it can say so.
    CUT_BODY = "cut-body"  # The server does it, and its answer stops in the middle.
    SILENT_AFTER = "silent-after"  # The server does it, and the answer never comes.
    DRIP = "drip"  # The answer comes, one byte after the other.


@dataclass
class Plan:
    """Break the requests that match, this often."""

    what: Breakage
    matches: Callable[[str, str], bool]
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b'{"resourceType":"OperationOutcome","issue":[{"diagnostics":"Jane Doe"}]}'
    before: Callable[[bytes], None] | None = None
    after: Callable[[], None] | None = None


@dataclass
class Line:
    """The line as a test sees it: its base, what to break, and what went over it."""

    base: str
    plans: list[Plan] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def fail(self, what: Breakage, method: str = "", path: str = "", **more: object) -> Plan:
        """Break requests of this method whose path holds this text."""
        plan = Plan(what, lambda m, p: method in ("", m) and path in p, **more)
        self.plans.append(plan)
        return plan

    def asked(self, method: str, path: str = "") -> int:
        """How many requests of this method went to a path that holds this text."""
        return sum(one == method and path in where for one, where, _ in self.seen)


class Handler(BaseHTTPRequestHandler):
    """One request, passed on or broken."""

    protocol_version = "HTTP/1.1"
    line: ClassVar[Line]
    upstream: ClassVar[str]

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.line.seen.append((self.command, self.path, dict(self.headers)))
        plan = next((one for one in self.line.plans if one.times > 0 and one.matches(self.command, self.path)), None)
        if plan is None:
            self._answer(*self._pass_on(body))
            return
        plan.times -= 1
        if plan.before is not None:
            plan.before(body)
        self._break(plan, body)

    def _break(self, plan: Plan, body: bytes) -> None:
        if plan.what is Breakage.ANSWER_STATUS:
            self._answer(plan.status, plan.headers, plan.content)
            return
        if plan.what is Breakage.DROP_BEFORE:
            self._hang_up()
            return
        status, headers, content = self._pass_on(body)
        if plan.after is not None:
            plan.after()
        if plan.what is Breakage.NOTHING:
            self._answer(status, headers, content)
            return
        if plan.what is Breakage.SILENT_AFTER:
            sleep(6)
        elif plan.what is Breakage.CUT_BODY:
            self._answer(status, headers, content, send=content[: len(content) // 2])
        elif plan.what is Breakage.DRIP:
            self._drip(status, headers, content)
        self._hang_up()

    def _drip(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self._answer(status, headers, content, send=b"")
        with suppress(OSError):
            for number in range(len(content)):
                self.wfile.write(content[number : number + 1])
                self.wfile.flush()
                sleep(0.5)

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        url = self.upstream + self.path.removeprefix("/fhir")
        sent = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "accept-encoding")}
        theirs, ours = self.upstream.encode(), self.line.base.encode()
        passed = body.replace(ours, theirs)
        answer = requests.request(self.command, url, data=passed or None, headers=sent, timeout=60, allow_redirects=False)
        kept = ("content-type", "etag", "location", "retry-after")
        headers = {name: value.replace(self.upstream, self.line.base) for name, value in answer.headers.items() if name.lower() in kept}
        return answer.status_code, headers, answer.content.replace(theirs, ours)

    def _answer(self, status: int, headers: dict[str, str], content: bytes, send: bytes | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if send is None else send)
        self.wfile.flush()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the names are those of the standard library.

    def log_message(self, *_: object) -> None:
        """Say nothing: what goes over the line is in `seen`."""


@contextmanager
def line_to(upstream: str) -> Iterator[Line]:
    """A line to the server at this base."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    line = Line(f"http://127.0.0.1:{server.server_address[1]}/fhir")
    server.RequestHandlerClass = type("OurHandler", (Handler,), {"line": line, "upstream": upstream})
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
