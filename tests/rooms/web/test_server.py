"""Who listens? The real server, started as a person starts it and stopped by its own process id."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from adapter.web.server import is_loopback

PATIENCE_SECONDS = 30
LIMIT = 2000


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a service that was started with a small limit for bodies."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    command = [sys.executable, "-m", "adapter", "serve", "--auth", "none", "--port", str(number), "--workers", "1"]
    with subprocess.Popen(command, env={"ADAPTER_MAX_BODY_BYTES": str(LIMIT)}, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(server, number)
            yield number
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def _wait_for(server: subprocess.Popen[bytes], number: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", number)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the service did not start")


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    """The status and the JSON of one request; a body of pieces is sent chunked, without a length."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        headers = {"Content-Type": "application/fhir+json"} if body is not None else {}
        connection.request(method, path, body=body, headers=headers, encode_chunked=body is not None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")


def test_a17_metadata_is_served(port: int) -> None:
    """A17: `GET [base]/metadata` returns CapabilityStatement."""
    status, statement = ask(port, "GET", "/fhir/metadata")

    assert (status, statement["resourceType"]) == (200, "CapabilityStatement")


def test_a_chunked_body_over_the_limit_is_413(port: int) -> None:
    status, outcome = ask(port, "POST", "/fhir/$interpret-breast-cancer", iter([b" " * 1500, b" " * 1500]))

    assert (status, outcome["resourceType"]) == (413, "OperationOutcome")


def test_a_chunked_body_within_the_limit_is_read(port: int) -> None:
    status, outcome = ask(port, "POST", "/fhir/$interpret-breast-cancer", iter([b'{"resourceType":', b"oops}"]))

    assert status == 400
    assert "line 1, column 17" in json.dumps(outcome)


def test_only_loopback_addresses_count_as_loopback() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.4", "example.org", ""))  # noqa: S104 - these have to be refused.
