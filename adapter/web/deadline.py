"""What becomes of a request that takes too long? It is ended in its own thread, its caller is told, and the worker goes on.

A watching thread raises an exception in the thread that is late. It arrives between two steps of Python, so one long step of a library
(a query, a large decode) is ended only after it: outgoing calls and the database have time limits of their own. A body that does not
come is ended by a limit on its socket, which gunicorn hands over.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from time import monotonic
from typing import Any

from flask import Flask, request

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.outcome import Refusal

_PAUSE_SECONDS = 0.05


class _TookTooLong(BaseException):
    """Not an Exception, so that nothing on the way takes it for a fault that it knows."""


class Watch:
    """The threads of this process that are at work, and when each has to be done."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._due: dict[int, float] = {}
        self._late: set[int] = set()
        self._process = 0
        self._wake = threading.Event()

    def begin(self) -> None:
        """Begin to watch this thread."""
        with self._lock:
            self._due[threading.get_ident()] = monotonic() + self._seconds
            if self._process != os.getpid():
                # A thread does not live through a fork, so each worker starts its own.
                self._process = os.getpid()
                threading.Thread(target=self._look, name="deadline", daemon=True).start()
        self._wake.set()

    def end(self) -> None:
        """Stop watching this thread; an end that was on its way to it comes back."""
        me = threading.get_ident()
        with self._lock:
            self._due.pop(me, None)
            if me in self._late:
                self._late.discard(me)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(me), None)

    def _look(self) -> None:
        while True:
            with self._lock:
                now = monotonic()
                for name in [name for name, due in self._due.items() if due <= now]:
                    del self._due[name]
                    self._late.add(name)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(name), ctypes.py_object(_TookTooLong))
                rest = min(self._due.values(), default=None)
                self._wake.clear()
            self._wake.wait(None if rest is None else max(_PAUSE_SECONDS, rest - monotonic()))


def bound(app: Flask, seconds: float) -> None:
    """End every route of this application after so many seconds, and a body that does not come."""
    watch = Watch(seconds)
    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = _bounded(view, watch, seconds)
    app.before_request(lambda: _bound_socket(seconds))


def _bounded(view: Callable[..., Any], watch: Watch, seconds: float) -> Callable[..., Any]:
    @wraps(view)
    def answer(*args: object, **kwargs: object) -> object:
        try:
            try:
                watch.begin()
                return view(*args, **kwargs)
            finally:
                watch.end()
        except _TookTooLong:
            watch.end()
            text = f"the request was ended after {seconds:g} seconds (ADAPTER_REQUEST_SECONDS); send less at once"
            raise _ended(HTTPStatus.SERVICE_UNAVAILABLE, text) from None
        except TimeoutError as error:
            raise _ended(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time") from error

    return answer


def _bound_socket(seconds: float) -> None:
    """The server reads a body from a socket without a limit; give it one."""
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(seconds)


def _ended(status: HTTPStatus, text: str) -> Refusal:
    return Refusal(status, (Issue(code="took-too-long", severity=Severity.ERROR, text=text),))
