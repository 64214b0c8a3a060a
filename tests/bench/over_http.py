"""What is left of the speed over HTTP? Two workers and eight connections, beside two processes that only interpret."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from adapter.knowledge.loader import load
from adapter.pipeline import Request, interpret

CONNECTIONS, WORKERS = 8, 2
PATH = "/fhir/$interpret-breast-cancer"
START = 30.0


@contextmanager
def serving(workers: int = WORKERS) -> Iterator[tuple[int, subprocess.Popen[bytes], float]]:
    """The service as its command starts it: its port, its process, and the seconds until it was ready."""
    port = _free_port()
    command = [sys.executable, "-m", "adapter", "serve", "--auth", "none", "--port", str(port), "--workers", str(workers)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port, began)
            yield port, process, time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int, began: float) -> None:
    while time.perf_counter() - began < START:
        try:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            line.request("GET", "/health/ready")
            if line.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("the service did not become ready")


def asked(port: int, content: bytes, seconds: float, connections: int = CONNECTIONS) -> list[float]:
    """The seconds that each request took, over connections that stay open."""
    taken: list[float] = []
    until = time.perf_counter() + seconds

    def ask() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < until:
            began = time.perf_counter()
            line.request("POST", PATH, content, {"Content-Type": "application/fhir+json"})
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the service answered {answer.status}")
            taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return taken


def rate_of(content: bytes, seconds: float) -> float:
    """Interpretations a second of one process that does nothing else; it is called once in each of two."""
    books, request = load(), Request(issued=datetime.now(UTC))
    interpret([content], books, request)
    until, done = time.perf_counter() + seconds, 0
    while time.perf_counter() < until:
        interpret([content], books, request)
        done += 1
    return done / seconds


def in_process(content: bytes, seconds: float, processes: int = WORKERS) -> float:
    """Interpretations a second of all processes."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(partial(rate_of, seconds=seconds), [content] * processes))


def measured(content: bytes, seconds: float = 6.0) -> dict[str, float]:
    """Rates and delays over HTTP beside the rate in process, twice in turn, so that a busy machine is busy for both."""
    with serving() as (port, process, ready):
        asked(port, content, 1.0)
        beside, taken, memory = 0.0, [], {}
        for _ in range(2):
            taken += asked(port, content, seconds)
            memory = resident(process.pid)
            beside += in_process(content, seconds) / 2
    taken.sort()
    rate = len(taken) / (2 * seconds)
    median, last = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    return {
        "requests a second": round(rate, 1),
        "in process a second": round(beside, 1),
        "share": round(rate / beside, 3),
        "p50 ms": round(median * 1000, 1),
        "p99 ms": round(last * 1000, 1),
        "p99 to p50": round(last / median, 2),
        "ready after s": round(ready, 2),
        "worker MB": round(max(memory.values(), default=0) / 1e6, 1),
    }


def resident(parent: int) -> dict[int, int]:
    """The proportional memory of each worker in bytes: what it shares with the others counts in parts."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return {int(child): _proportional(int(child)) for child in children}


def _proportional(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
