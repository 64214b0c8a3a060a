"""The whole as a hospital runs it: a FHIR server, our service, our workers, each a process, started by the commands of the README."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from adapter.delivery import outbox
from adapter.delivery.database import opened
from adapter.delivery.jobs import State
from tests.peers.hospital import Patient, until
from tests.peers.running import free_port, process, wait_for

TOPIC = "http://sekmet.dev/fhir/SubscriptionTopic/diagnosticreport-final"


class Site:
    """One installation: its environment, and its commands."""

    def __init__(self, base: str, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.database = f"sqlite:///{folder / 'outbox.sqlite'}"
        self.environment = {
            "ADAPTER_FHIR_SERVERS": base,
            "ADAPTER_DATABASE": self.database,
            "ADAPTER_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        command = [sys.executable, "-m", "adapter", *words]
        return subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def site(sekmet_base: str, tmp_path: Path) -> Site:
    return Site(sekmet_base, tmp_path)


@pytest.fixture
def running(site: Site, tmp_path: Path) -> Iterator[Site]:
    """The site with its service and one worker."""
    (tmp_path / "web").mkdir()
    (tmp_path / "worker").mkdir()
    command = [sys.executable, "-m", "adapter"]
    serve = [*command, "serve", "--auth", "none", "--port", str(site.port), "--workers", "2"]
    with process(serve, tmp_path / "web", site.environment) as web, process([*command, "deliver"], tmp_path / "worker", site.environment):
        wait_for(f"http://127.0.0.1:{site.port}/health/ready", web, tmp_path / "web")
        yield site


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    return Patient(sekmet_base, f"t{uuid4().hex[:10]}")


def test_deliver_writes_back_and_a_dry_run_does_not(site: Site, patient: Patient) -> None:
    patient.admit()
    dry = site.run("deliver", patient.id_of("p01"), "--dry-run", "--until-empty")
    assert (dry.returncode, {one["deed"] for one in json.loads(dry.stdout)}, patient.results()) == (0, {"create"}, {})

    wet = site.run("deliver", patient.id_of("p01"), "--until-empty", "--workers", "2")
    assert (wet.returncode, patient.answers()["her2-status"]) == (0, "negative")
    assert "written" in wet.stdout
    assert "1 done" in wet.stderr, "progress is shown"
    assert patient.name not in wet.stderr


def test_jobs_are_listed_shown_and_asked_for_again(site: Site) -> None:
    site.environment["ADAPTER_FHIR_SERVERS"] = "http://127.0.0.1:9/fhir"
    engine = opened(site.database)
    stopped = site.run("deliver", "1", "--until-empty", "--server", "http://127.0.0.1:8/fhir")
    assert (stopped.returncode, "ADAPTER_FHIR_SERVERS" in stopped.stderr) == (2, True)
    site.environment["ADAPTER_GIVE_UP_HOURS"] = "0.000001"
    dead = site.run("deliver", "1", "--until-empty")
    job = outbox.listed(engine)[0]

    assert (dead.returncode, job.state) == (1, State.DEAD)
    assert job.id in site.run("jobs", "list", "--state", "dead").stdout
    assert json.loads(site.run("jobs", "show", job.id).stdout)["state"] == "dead"
    again = site.run("jobs", "retry", job.id).stdout.strip()
    assert outbox.show(engine, again).state is State.QUEUED
    assert site.run("jobs", "retry", again).returncode == 1
    assert site.run("jobs", "show", "nowhere").returncode == 1


def test_subscribe_needs_to_know_how_we_are_reached(site: Site) -> None:
    del site.environment["ADAPTER_PUBLIC_URL"]
    done = site.run("subscribe", "results", "--criteria", "Observation?status=final")

    assert (done.returncode, "ADAPTER_PUBLIC_URL" in done.stderr) == (2, True)


def test_a_worker_that_cannot_begin_stops_the_command(site: Site) -> None:
    site.environment["ADAPTER_MAPPINGS"] = str(site.folder / "nowhere")

    assert site.run("deliver", "1", "--until-empty").returncode == 1


def test_a_key_that_cannot_sign_is_said_at_once(site: Site) -> None:
    (site.folder / "key.pem").write_text("no key")
    site.environment |= {"ADAPTER_SMART_CLIENT_ID": "adapter", "ADAPTER_SMART_KEYS": str(site.folder / "key.pem")}

    for command in (["serve", "--auth", "none", "--port", "0"], ["subscribe", "x", "--criteria", "Observation"]):
        site.environment["ADAPTER_PUBLIC_URL"] = "http://127.0.0.1:1"
        done = site.run(*command)
        assert (done.returncode, "ADAPTER_SMART_KEY" in done.stderr) == (2, True)


def test_a_name_that_is_given_anew_turns_the_old_subscription_off(site: Site, sekmet_base: str) -> None:
    asked = ("subscribe", "again", "--criteria", "Observation?code=nothing")
    first, second = (site.run(*asked).stdout.strip() for _ in range(2))
    statuses = [requests.get(f"{sekmet_base}/{name}", timeout=10).json()["status"] for name in (first, second)]
    for name in (first, second):
        requests.delete(f"{sekmet_base}/{name}", timeout=10)

    assert statuses == ["off", "active"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("payload", ["empty", "full-resource"])
def test_a_subscription_of_r4_brings_every_change_back_as_a_result(running: Site, patient: Patient, payload: str) -> None:
    """E1, E2: an input changes on the server, and what follows from it stands there without anybody asking."""
    done = running.run("subscribe", f"{payload}-{patient.name}", "--criteria", "Observation?status=final,amended", "--payload", payload)
    assert (done.returncode, done.stdout.startswith("Subscription/")) == (0, True)
    patient.admit()
    until(lambda: patient.answers().get("her2-status") == "negative", range(600), 0.2)
    er = patient.resources["er"]["valueQuantity"]
    patient.amend("er", valueQuantity={**er, "value": 0})
    until(lambda: patient.answers().get("er-status") == "negative", range(600), 0.2)

    assert patient.versions()["er-status"] == [("final", "positive"), ("final", "negative")]
    patient.delete(done.stdout.strip())


@pytest.mark.timeout(180)
def test_a_topic_of_the_backport_brings_every_report_back_as_a_result(running: Site, patient: Patient) -> None:
    """E2, E4: handshake, then an event by id only; the Subscription is active when our answer to the handshake arrived."""
    done = running.run("subscribe", patient.name, "--criteria", TOPIC)
    assert done.returncode == 0, done.stderr
    patient.admit()
    until(lambda: patient.answers().get("her2-status") == "negative", range(600), 0.2)
    patient.delete(done.stdout.strip())


@pytest.mark.timeout(120)
def test_a_worker_process_that_is_killed_is_replaced(running: Site, patient: Patient) -> None:
    patient.admit()
    first = worker_of_a_job(running, patient)
    os.kill(first, signal.SIGKILL)
    second = worker_of_a_job(running, patient)

    assert second != first
    assert patient.answers()["her2-status"] == "negative"


def worker_of_a_job(site: Site, patient: Patient) -> int:
    """The process id of the worker that does a job which is queued now."""
    engine = opened(site.database)
    before = len(outbox.listed(engine, [State.DONE]))
    assert site.run("deliver", patient.id_of("p01"), "--workers", "0", "--until-empty").returncode == 0
    until(lambda: len(outbox.listed(engine, [State.DONE])) > before, range(300), 0.2)
    return int(str(outbox.listed(engine)[0].worker).rpartition("-")[2])
