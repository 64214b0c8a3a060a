"""Many requests on many cores, watched from outside: a request that hangs or kills its process is named and kept, and the rest goes on."""

from __future__ import annotations

import faulthandler
import logging
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.asked import Call
from tests.fuzz.calls import call
from tests.fuzz.invariants import EVERY, faults
from tests.fuzz.kept import keep
from tests.fuzz.service import Service, peak_bytes, whole_service
from tests.fuzz.tally import Tally

# No process may ever hold more than this. The largest body that is accepted is 50 MB; reading it well takes several times that.
MOST_BYTES = 1536 * 1024 * 1024
# What runs away meets a MemoryError here, before it takes the machine with it.
_FENCE = 6 * 1024 * 1024 * 1024
_SPAWN = get_context("spawn")


class Plan(NamedTuple):
    """Which requests are asked, and how: the number of them, the seed, the seconds after which one hangs, and where failures are kept."""

    seed: str
    requests: int
    workers: int
    patience: float
    folder: Path
    make: Callable[[str, int], Call] = call
    start: Callable[[Path], Service] = whole_service


@dataclass
class Worker:
    """One process with its share of the numbers, what it reports, and the number that it is at, seen from outside."""

    plan: Plan
    first: int
    at: Any = field(default_factory=lambda: _SPAWN.Value("q", -1))
    since: tuple[int, float] = (-1, 0.0)
    process: Any = None
    heard: Any = None

    def begin(self) -> None:
        """Start a process at the first number."""
        self.at.value = -1
        self.since = (-1, time.monotonic())
        # A line of its own: one that dies while it speaks does not silence the others.
        self.heard, speaks = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=work, args=(self.plan, self.first, self.at, speaks), daemon=True)
        self.process.start()
        speaks.close()

    def reports(self) -> Iterator[Tally]:
        """What it has reported since it was last asked."""
        with suppress(EOFError):
            while self.heard.poll():
                yield self.heard.recv()

    def trouble(self) -> str:
        """Why the request that it is at will never be answered; empty while all is well."""
        if self.process.exitcode not in (None, 0):
            return f"its process died with exit code {self.process.exitcode}"
        number = self.at.value
        if number != self.since[0]:
            self.since = (number, time.monotonic())
        hangs = number >= 0 and time.monotonic() - self.since[1] > self.plan.patience
        return f"no answer within {self.plan.patience:g} s" if hangs else ""

    def end(self) -> None:
        """Leave where it hangs in a file, and end the process."""
        if self.process.is_alive():
            # The process writes where it stands, even from inside C code, as it was told to at its start.
            os.kill(self.process.pid, signal.SIGUSR1)
            time.sleep(0.5)
            self.process.kill()
        self.process.join()


def work(plan: Plan, first: int, at: Any, speaks: Any) -> None:  # noqa: ANN401 - multiprocessing has no public types for these.
    """Ask every request of this share, and report what came of each."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whoever ends `make fuzz` ends its workers too.
    parent = os.getppid()
    resource.setrlimit(resource.RLIMIT_AS, (_FENCE, _FENCE))
    plan.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, (plan.folder / f"{plan.seed}-stack-{first}.txt").open("w") as stack:
        faulthandler.register(signal.SIGUSR1, file=stack)
        service = plan.start(Path(folder))
        for number in range(first, plan.requests, plan.workers):
            if os.getppid() != parent:
                return
            made, tally = plan.make(plan.seed, number), Tally()
            at.value = number
            one(service, plan, number, made, tally)
            at.value = -1
            speaks.send(tally)


def one(service: Service, plan: Plan, number: int, made: Call, tally: Tally) -> None:
    """Ask one request, hold every invariant against the answer, and keep it when one does not hold."""
    thoroughly = number % EVERY == 0
    got = service.send(made)
    interpreted = got.status == 200 and bool(got.heard)
    received = sum(heard.reply.counts.get(kind, 0) for heard in got.heard for kind in ("Observation", "DiagnosticReport"))
    found = faults(service, made, got, thoroughly=thoroughly)
    if peak_bytes() > MOST_BYTES:
        found.append(f"the process came to hold {peak_bytes()} bytes")
    if found:
        keep(plan.folder, plan.seed, number, made, found)
    counted = Tally(interpreted=int(interpreted), accounted=received, thorough=int(interpreted and thoroughly), peak=(peak_bytes(), number))
    counted.kinds[made.kind] += 1
    counted.statuses[made.kind, got.status] += 1
    counted.slowest.append((got.seconds, number, made.kind))
    counted.failed |= {number: found} if found else {}
    tally.add(counted)


def run(plan: Plan, progress: Callable[[Tally], None]) -> Tally:
    """The tally of every request of this plan."""
    whole = Tally()
    workers = [Worker(plan, first) for first in range(min(plan.workers, plan.requests))]
    for worker in workers:
        worker.begin()
    # Whoever interrupts it still sees what came of the requests so far.
    with suppress(KeyboardInterrupt):
        while workers:
            wait([worker.heard for worker in workers], timeout=0.5)
            for worker in workers:
                _listen(worker, whole)
            progress(whole)
            workers = [worker for worker in workers if _goes_on(worker, whole)]
    for worker in workers:
        worker.process.kill()
    return whole


def _listen(worker: Worker, whole: Tally) -> None:
    for reported in worker.reports():
        whole.add(reported)


def _goes_on(worker: Worker, whole: Tally) -> bool:
    """False when a worker has done its share; one in trouble is ended, its request kept, and another goes on behind it."""
    # Asked in this order, so that one that dies in between is seen in the next round.
    is_alive, trouble = worker.process.is_alive(), worker.trouble()
    if not trouble:
        _listen(worker, whole)
        return bool(is_alive)
    number, plan = worker.at.value, worker.plan
    worker.end()
    _listen(worker, whole)
    if number < 0:
        raise RuntimeError(f"a worker ended between two requests: {trouble}")
    keep(plan.folder, plan.seed, number, plan.make(plan.seed, number), [trouble])
    whole.failed[number] = [trouble]
    worker.first = number + plan.workers
    if worker.first >= plan.requests:
        return False
    worker.begin()
    return True
