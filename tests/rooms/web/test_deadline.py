"""A request that takes too long is ended, its caller is told, and the worker goes on: measured with the real server and one worker."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from adapter.fhir.outcome import Refusal
from adapter.web.deadline import bound

PATIENCE_SECONDS = 30
THREADS = 4


@pytest.fixture(scope="module")
def port(root: Path) -> Iterator[int]:
    """The port of a service with one worker that ends every request after a second."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-m", "tests.peers.slow_service", str(number)], cwd=root, stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until and server.poll() is None:
                with closing(socket.socket()) as probe:
                    if probe.connect_ex(("127.0.0.1", number)) == 0:
                        break
                time.sleep(0.1)
            yield number
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def get(port: int, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("path", ["/spin", "/stubborn"])
def test_a_request_that_never_ends_is_ended_with_an_outcome(port: int, path: str) -> None:
    status, body = get(port, path)

    assert (status, json.loads(body)["issue"][0]["code"]) == (503, "timeout")
    assert "ADAPTER_REQUEST_SECONDS" in body.decode()


def test_the_worker_goes_on_after_all_its_threads_were_held(port: int) -> None:
    for _ in range(2):
        with ThreadPoolExecutor(2 * THREADS) as pool:
            assert {status for status, _ in pool.map(lambda _: get(port, "/spin"), range(2 * THREADS))} == {503}
    assert get(port, "/quick") == (200, b"quick")


def test_a_body_that_never_comes_holds_no_thread_for_long(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)) as line:
        line.sendall(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nonly this")
        answer = line.recv(65536)

    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408", b"HTTP/1.1 503"))
    assert get(port, "/quick") == (200, b"quick")


@pytest.mark.parametrize("begun", [b"", b"GET /quick HTTP/1.1\r\nHost: local"])
def test_connections_that_say_nothing_hold_no_thread_for_long(port: int, begun: bytes) -> None:
    """As many as there are threads: without a limit, four sockets would silence a worker."""
    lines = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) for _ in range(THREADS)]
    for line in lines:
        line.sendall(begun)
    time.sleep(0.2)

    assert get(port, "/quick") == (200, b"quick")
    for line in lines:
        line.close()


def test_an_end_that_comes_too_late_hits_nobody() -> None:
    """Views that are done at the very moment when their end is due, many times over: what follows them is never interrupted."""
    app, outcomes = Flask("late", static_folder=None), []
    app.add_url_rule("/", "work", lambda: spin(pauses[threading.get_ident()]))
    bound(app, 0.02)
    work, pauses = app.view_functions["work"], {}

    def spin(pause: float) -> str:
        until = time.monotonic() + pause
        while time.monotonic() < until:
            pass
        return "done"

    def many(pause: float) -> None:
        pauses[threading.get_ident()] = pause
        try:
            for _ in range(25):
                try:
                    outcomes.append(work())
                except Refusal as refusal:
                    outcomes.append(refusal.status)
                sum(range(500))
        except BaseException as error:  # noqa: BLE001 - whatever arrives here arrives too late.
            outcomes.append(repr(error))

    threads = [threading.Thread(target=many, args=(0.019 + 0.0005 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(outcomes), set(outcomes) <= {"done", 503}) == (100, True)


def test_a_quick_route_is_answered_as_before() -> None:
    app = Flask("quick", static_folder=None)
    app.add_url_rule("/", "quick", lambda: "quick")
    bound(app, 5)

    assert [app.test_client().get("/").text for _ in range(3)] == ["quick"] * 3
