"""What the real server writes to standard error, of requests that it cannot even read: in our form, and nothing of a patient (A21)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import requests

NAME = "Zzyzxova"
PATIENCE_SECONDS = 30
HEADS = (
    f"GET /fhir/{NAME}?na me=Doe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    f"GET /fhir/{NAME} HTTP/9.9\r\nHost: localhost\r\n\r\n",
    f"{NAME}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: localhost\r\nBad {NAME}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {NAME}\r\n\r\n",
    f"POST /fhir/$interpret-breast-cancer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    f"Content-Type: application/fhir+json\r\n\r\n{NAME}\r\n",
    f"GET /{NAME * 2000} HTTP/1.1\r\n\r\n",
)


def test_a21_the_server_logs_json_lines_without_what_it_could_not_read(tmp_path: Path) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "adapter", "serve", "--auth", "none", "--port", str(port), "--workers", "2"]
    environment = {**os.environ, "ADAPTER_LOG_FORMAT": "json", "TMPDIR": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as server:
        try:
            counted = _asked(server, port)
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)
    lines = (tmp_path / "log").read_text().splitlines()

    # Both workers count together, and what they counted in is gone with them.
    assert 'adapter_requests_total{operation="health.live",status="2xx"} 8.0' in counted
    assert list(tmp_path.glob("onco-adapter-*")) == []
    assert {json.loads(line)["logger"] for line in lines} >= {"adapter.access", "gunicorn.error"}
    assert [line for line in lines if NAME in line] == []


def _asked(server: subprocess.Popen[bytes], port: int) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    else:
        pytest.fail("the service did not start")
    for head in HEADS:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)) as line:
            line.sendall(head.encode())
            assert line.recv(100).startswith(b"HTTP/1.1 4")
    for _ in range(8):
        requests.get(f"http://127.0.0.1:{port}/health/live", timeout=PATIENCE_SECONDS)
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS).text
