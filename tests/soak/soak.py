"""10,000 notifications, two workers, random kills: is a result lost or doubled? `make soak` prints the figures and fails on any.

The FHIR server, our service and our workers are real processes. Inputs change while notifications come twice, too late, or never, and
every few seconds a process of ours is killed with SIGKILL. Afterwards the server alone is asked: what follows from each patient's last
input has to stand there once, and no two versions in a row may say the same.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import requests

from adapter.delivery import outbox, subscriptions
from adapter.delivery.database import opened
from adapter.delivery.jobs import State
from tests.peers.hospital import Patient, answer_of
from tests.peers.running import free_port, process, sekmet, wait_for

SECRET = "only-the-server-knows-it"
NAME = "soak"
NO_CONTENT = ("id", "meta", "issued", "text")


@dataclass
class Soak:
    """One run: where everything is, what was sent, and what has to come of it."""

    base: str
    folder: Path
    patients: list[Patient]
    chance: Random
    port: int = field(default_factory=free_port)
    counts: Counter[str] = field(default_factory=Counter)
    number: int = 0
    last: dict[str, int] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "ADAPTER_FHIR_SERVERS": self.base,
            "ADAPTER_DATABASE": f"sqlite:///{self.folder / 'outbox.sqlite'}",
            "ADAPTER_CATCH_UP_MINUTES": "1",
        }
        return {**os.environ, **settings}


def main() -> int:
    """Run it, print the figures, and say by the exit code whether anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notifications", type=int, default=10_000)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20261122)
    args = parser.parse_args()
    with TemporaryDirectory(prefix="soak") as name, ExitStack() as stack:
        folder = Path(name)
        for part in ("sekmet", "web", "workers"):
            (folder / part).mkdir()
        base = stack.enter_context(sekmet(folder / "sekmet"))
        soak = Soak(base, folder, [Patient(base, f"soak{number}") for number in range(args.patients)], Random(args.seed))  # noqa: S311 - chance that can be repeated.
        began = time.monotonic()
        _run(soak, args.notifications)
        figures = _figures(soak) | {"seconds": round(time.monotonic() - began)}
    print(json.dumps(figures, indent=2))
    return int(any(figures[name] for name in ("lost", "doubled", "dead", "unfinished", "stopped_by_itself")))


def _run(soak: Soak, notifications: int) -> None:
    for patient in soak.patients:
        patient.admit()
        soak.last[patient.name] = 90
    _subscribe(soak)
    with _service(soak), _workers(soak), _killer(soak):
        with ThreadPoolExecutor(4) as pool:
            for done, _ in enumerate(pool.map(lambda _: _notify(soak), range(notifications)), start=1):
                if done % 1000 == 0:
                    print(f"{done} notifications, {soak.counts['kills']} kills", file=sys.stderr)
        soak.stop.set()
        _drain(soak)


def _subscribe(soak: Soak) -> None:
    known = subscriptions.Known(
        name=NAME,
        server=soak.base,
        reference="Subscription/none",
        criteria=("Observation?status=amended",),
        secret=subscriptions.digest_of(SECRET),
        status="active",
        checked=datetime.now(UTC),
    )
    subscriptions.remember(opened(soak.environment["ADAPTER_DATABASE"]), known)


@contextmanager
def _service(soak: Soak) -> Iterator[None]:
    command = [sys.executable, "-m", "adapter", "serve", "--auth", "none", "--port", str(soak.port), "--workers", "2"]
    with process(command, soak.folder / "web", soak.environment) as web:
        wait_for(f"http://127.0.0.1:{soak.port}/health/ready", web, soak.folder / "web")
        yield


@contextmanager
def _workers(soak: Soak) -> Iterator[None]:
    command = [sys.executable, "-m", "adapter", "deliver", "--workers", "2"]
    with process(command, soak.folder / "workers", soak.environment) as running:
        yield
        soak.counts["stopped by itself"] = int(running.poll() is not None)


@contextmanager
def _killer(soak: Soak) -> Iterator[None]:
    """Kill a worker every few seconds, and now and then a process of the service."""
    thread = threading.Thread(target=_kill, args=(soak, Random(soak.number)), daemon=True)  # noqa: S311 - as above.
    thread.start()
    yield
    soak.stop.set()
    thread.join()


def _kill(soak: Soak, chance: Random) -> None:
    while not soak.stop.wait(chance.uniform(0.3, 2)):
        wanted = b"spawn_main" if chance.random() < 0.85 else b"serve"
        found = _processes(soak, wanted)
        if found:
            os.kill(chance.choice(found), signal.SIGKILL)
            soak.counts["kills"] += 1


def _processes(soak: Soak, wanted: bytes) -> list[int]:
    """Our processes of one kind in this run; of the service, the ones below its first."""
    mine = os.fsencode(soak.folder / "outbox.sqlite")
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = mine in (status / "environ").read_bytes() and wanted in (status / "cmdline").read_bytes()
        except OSError:
            continue
        if is_ours:
            found.append(int(status.name))
    return found if wanted == b"spawn_main" else sorted(found)[1:]


def _notify(soak: Soak) -> None:
    """Change an input now and then, and tell of it: once, twice, too late, or never."""
    with _LOCK:
        patient = soak.chance.choice(soak.patients)
        soak.number += 1
        number, fate, changes, late = soak.number, soak.chance.random(), soak.chance.random() < 0.1, soak.chance.random() * 0.2
        if changes:
            # What the server holds and what we expect change together.
            soak.last[patient.name] = soak.chance.choice([0, 90])
            er = patient.resources["er"]["valueQuantity"]
            patient.amend("er", valueQuantity={**er, "value": soak.last[patient.name]})
            soak.counts["changes"] += 1
    if fate < 0.01:
        soak.counts["never told"] += 1
        return
    if fate < 0.06:
        soak.counts["told late"] += 1
        time.sleep(late)
    for _ in range(2 if fate > 0.95 else 1):
        soak.counts["told"] += 1
        _tell(soak, patient, number, by_id=fate > 0.5)


_LOCK = threading.Lock()


def _tell(soak: Soak, patient: Patient, number: int, *, by_id: bool) -> None:
    """One notification, told again until it is acknowledged, as a server does."""
    url = f"http://127.0.0.1:{soak.port}/fhir/subscription-notification/{NAME}"
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/fhir+json"}
    body = json.dumps(_notification(patient, number, by_id=by_id))
    while True:
        try:
            if requests.post(url, data=body, headers=headers, timeout=30).ok:
                return
        except requests.RequestException:
            soak.counts["told again"] += 1
        time.sleep(0.1)


def _notification(patient: Patient, number: int, *, by_id: bool) -> dict[str, Any]:
    focus = f"{patient.base}/Observation/{patient.id_of('er')}"
    parts: list[dict[str, Any]] = [{"name": "event-number", "valueString": str(number)}]
    parts.append({"name": "focus", "valueReference": {"reference": focus}})
    if not by_id:
        parts.append({"name": "additional-context", "valueReference": {"reference": patient.reference}})
    status = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "type", "valueCode": "event-notification"},
            {"name": "status", "valueCode": "active"},
            {"name": "events-since-subscription-start", "valueString": str(number)},
            {"name": "notification-event", "part": parts},
        ],
    }
    return {"resourceType": "Bundle", "type": "history", "entry": [{"resource": status}]}


def _drain(soak: Soak) -> None:
    """Wait until nothing is left; what was never told is found by the search after a gap or a minute of silence."""
    engine = opened(soak.environment["ADAPTER_DATABASE"])
    subscriptions.look(engine, NAME, datetime.now(UTC))
    until = time.monotonic() + 600
    while time.monotonic() < until and not outbox.is_empty(engine):
        time.sleep(0.5)


def _figures(soak: Soak) -> dict[str, int]:
    """What the server and the outbox say at the end."""
    engine = opened(soak.environment["ADAPTER_DATABASE"])
    states = outbox.counted(engine)
    figures = {"notifications": soak.number, **{name.replace(" ", "_"): count for name, count in sorted(soak.counts.items())}}
    figures |= {"jobs": sum(states.values()), "dead": states.get(State.DEAD, 0)}
    figures["unfinished"] = states.get(State.QUEUED, 0) + states.get(State.RUNNING, 0)
    written = [_of_one(patient, soak.last[patient.name]) for patient in soak.patients]
    return figures | {name: sum(one[name] for one in written) for name in ("versions", "writes", "lost", "doubled")}


def _of_one(patient: Patient, er: int) -> dict[str, int]:
    """For one patient: versions of results, writes, what is missing or stale, and what stands or was written twice."""
    results = [one for one in patient.search("Observation") if "identifier" in one]
    identities = Counter(one["identifier"][0]["value"] for one in results)
    histories = [patient.history(f"Observation/{one['id']}") for one in results]
    histories += [patient.history(f"DiagnosticReport/{one['id']}") for one in patient.reports()]
    doubled = sum(count - 1 for count in identities.values()) + sum(_repeats(history) for history in histories)
    reports = [len(patient.history(f"DiagnosticReport/{one['id']}")) for one in patient.reports()]
    writes = len(patient.provenances())
    expected = "positive" if er else "negative"
    return {
        "versions": sum(len(history) for history in histories),
        "writes": writes,
        "lost": int(answer_of(patient.results().get("er-status", {})) != expected) + int(len(reports) != 1),
        "doubled": doubled + abs(writes - sum(reports)),
    }


def _repeats(history: Sequence[dict[str, Any]]) -> int:
    """How many versions say what the one before says."""
    said = [json.dumps({name: value for name, value in one.items() if name not in NO_CONTENT}, sort_keys=True) for one in history]
    return sum(before == after for before, after in pairwise(said))


if __name__ == "__main__":
    sys.exit(main())
