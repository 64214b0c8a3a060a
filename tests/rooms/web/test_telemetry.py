"""Whether it is alive, ready, and what it counts: by operation and never by address."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.delivery import outbox
from adapter.delivery.jobs import Work
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.logs import CORRELATION, Lines
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.issuer import Issuer, issuer

STAGE = "/fhir/$stage-breast-cancer?basis=anatomic&t=T2&n=N1&m=M0"


@pytest.fixture
def peer() -> Iterator[Issuer]:
    with issuer() as one:
        yield one


@pytest.fixture
def app(peer: Issuer, knowledge: Knowledge, tmp_path: Path) -> Flask:
    settings = Settings(fhir_servers=(f"{peer.url}/fhir",), database=f"sqlite:///{tmp_path / 'outbox.sqlite'}", fhir_timeout=1)
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


def test_ready_without_a_database_means_the_knowledge_is_loaded(client: FlaskClient) -> None:
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json["status"], answer.json["checks"]) == (200, "ok", {"knowledge": "ok"})


def test_ready_asks_the_database_and_says_503_without_it(app: Flask, tmp_path: Path) -> None:
    client = app.test_client()
    assert client.get("/health/ready").json["checks"] == {"knowledge": "ok", "database": "ok"}

    engine = app.extensions["desk"].workplace.engine
    engine.dispose()
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "outbox.sqlite").mkdir()
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json["status"], answer.json["checks"]["database"]) == (503, "failed", "failed")
    assert client.get("/health/live").status_code == 200


def test_a_database_that_another_worker_writes_to_is_reachable(app: Flask) -> None:
    engine = app.extensions["desk"].workplace.engine
    with engine.begin():
        assert app.test_client().get("/health/ready").status_code == 200


def sample(text: str, name: str) -> float:
    return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)), 0.0)


def test_requests_are_counted_by_operation_and_class_of_status(client: FlaskClient) -> None:
    good, bad = 'adapter_requests_total{operation="operations.stage",status="2xx"}', 'operation="operations.stage",status="4xx"}'
    before = client.get("/metrics").text
    client.get(STAGE)
    client.get("/fhir/$stage-breast-cancer?basis=made-up")
    after = client.get("/metrics").text

    assert sample(after, good) - sample(before, good) == 1
    assert sample(after, f"adapter_requests_total{{{bad}") - sample(before, f"adapter_requests_total{{{bad}") == 1
    assert 'adapter_request_duration_seconds_bucket{le="+Inf",operation="operations.stage"}' in after
    assert "adapter_knowledge_info{" in after


def test_an_address_that_is_not_there_adds_no_label(client: FlaskClient) -> None:
    before = client.get("/metrics").text.count("\n")
    for number in range(20):
        client.get(f"/fhir/Patient/{number}")
    client.get("/metrics")

    assert client.get("/metrics").text.count("\n") - before <= 40
    assert "Patient" not in client.get("/metrics").text


def test_jobs_that_wait_are_counted(app: Flask, peer: Issuer) -> None:
    place = app.extensions["desk"].workplace
    outbox.enqueue(place.engine, f"{peer.url}/fhir", Work.WRITE, "Patient/1", "test", place.clock())
    text = app.test_client().get("/metrics").text

    assert (sample(text, 'adapter_jobs{state="queued"}'), sample(text, 'adapter_jobs{state="dead"}')) == (1.0, 0.0)


def test_metrics_open_to_their_token_and_to_no_other(service: Callable[..., Flask], peer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("scrape-1\n")
    smart = {
        "auth": "smart",
        "auth_issuers": (peer.url,),
        "auth_jwks": (peer.jwks,),
        "auth_audience": "https://a.example",
        "auth_token_url": peer.url,
    }
    closed = service(**smart).test_client()
    opened = service(**smart, metrics_token_file=tmp_path / "token").test_client()

    assert closed.get("/metrics").status_code == 404
    assert opened.get("/metrics").status_code == 401
    assert opened.get("/metrics", headers={"Authorization": "Bearer scrape-2"}).status_code == 401
    assert opened.get("/metrics", headers={"Authorization": "Bearer scrape-1"}).status_code == 200


def test_a_line_of_the_log_is_json_with_the_correlation_id(client: FlaskClient) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    # Written while the request is answered: afterwards this thread belongs to no request.
    handler.emit = lambda record: lines.append(Lines().format(record))
    logger = logging.getLogger("adapter.access")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    client.get(STAGE, headers={"X-Request-Id": "engine-7"})
    said = json.loads(lines[-1])
    logger.removeHandler(handler)

    assert CORRELATION.get() == ""
    assert (said["request_id"], said["operation"], said["status"], said["method"]) == ("engine-7", "operations.stage", 200, "GET")
    assert said["milliseconds"] >= 0


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_goes_on_to_the_servers_that_we_ask(app: Flask, peer: Issuer) -> None:
    """W3C Trace Context: the trace id stays, and the step (parent-id) is ours."""
    app.test_client().get("/fhir/Patient/1/$interpret-breast-cancer", headers={"traceparent": TRACE, "X-Request-Id": "engine-8"})
    sent = peer.seen[0]
    version, trace, step, flags = sent["traceparent"].split("-")

    assert sent["X-Correlation-Id"] == "engine-8"
    assert (version, trace, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
    assert step != "b7ad6b7169203331"
    assert len(step) == 16


def test_a_trace_is_the_correlation_id_where_no_other_was_sent(client: FlaskClient) -> None:
    assert client.get(STAGE, headers={"traceparent": TRACE}).headers["X-Request-Id"] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("trace", ["", "00-zz", TRACE + "-x", TRACE.upper(), "\u00e9", "00-" + "0" * 400])
def test_a_trace_that_cannot_be_read_is_not_passed_on(app: Flask, peer: Issuer, trace: str) -> None:
    app.test_client().get("/fhir/Patient/1/$interpret-breast-cancer", headers={"traceparent": trace})

    assert "traceparent" not in {name.lower() for name in peer.seen[0]}
    assert len(peer.seen[0]["X-Correlation-Id"]) == 32
