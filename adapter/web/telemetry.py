"""How is the service doing? Counts and durations by operation, for Prometheus; no address, no query and nothing of a patient is a label.

Several worker processes write into one folder, which prometheus_client reads together (PROMETHEUS_MULTIPROC_DIR; `serve` makes one).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from time import perf_counter

from flask import Blueprint, Response, abort, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

import adapter
from adapter.delivery import outbox
from adapter.delivery.jobs import NotKept
from adapter.settings import secret_in
from adapter.web.described import Call, Reply, described
from adapter.web.desk import Desk, desk
from adapter.web.guard import needs_all, on_this_machine, own_check
from adapter.web.smart import refuse

metrics = Blueprint("metrics", __name__)
needs_all(metrics, own_check("the token of ADAPTER_METRICS_TOKEN_FILE; without authorization, this machine"))

OURS = CollectorRegistry()
# What prometheus_client decided when it was imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR" in os.environ
REQUESTS = Counter("adapter_requests", "Requests that were answered", ["operation", "status"], registry=OURS)
SECONDS = Histogram(
    "adapter_request_duration_seconds",
    "How long an answer took",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=OURS,
)


def count(response: Response) -> None:
    """Count one answer under the name of its route in our code."""
    operation = request.endpoint or "none"
    REQUESTS.labels(operation, f"{response.status_code // 100}xx").inc()
    SECONDS.labels(operation).observe(perf_counter() - g.began)


@metrics.get("/metrics")
@described(
    GET=Call(
        summary="Counts and durations by operation",
        words="For Prometheus, with the token of ADAPTER_METRICS_TOKEN_FILE where there is one.",
        is_fhir=False,
        replies={200: Reply(words="Everything that is counted", shape="Text", types=(CONTENT_TYPE_LATEST.partition(";")[0],))},
        refusals=frozenset({HTTPStatus.UNAUTHORIZED}),
    )
)
def exposed() -> Response:
    """Everything that is counted, of all workers, and how many jobs stand where."""
    _let_in(desk())
    registry = CollectorRegistry()
    if SHARED:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # This one class of theirs has no types.
    else:
        registry.register(_Counted())
    registry.register(_Standing(desk()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _let_in(here: Desk) -> None:
    """Only who knows the token; where no authorization was asked for, whoever is on this machine, as everywhere else."""
    path = here.settings.metrics_token_file
    if path is None:
        if here.settings.auth != "none":
            abort(HTTPStatus.NOT_FOUND)
        on_this_machine()
        return
    sent = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(sent, f"Bearer {secret_in(path)}".encode()):
        g.challenge = "Bearer"
        refuse(HTTPStatus.UNAUTHORIZED, "login-needed", "send the token of ADAPTER_METRICS_TOKEN_FILE: Authorization: Bearer ...")


class _Counted(Collector):
    """What this one process has counted."""

    def collect(self) -> Iterable[Metric]:
        return OURS.collect()


class _Standing(Collector):
    """What is so at the moment of asking: the software, the knowledge and the jobs."""

    def __init__(self, here: Desk) -> None:
        self._here = here

    def collect(self) -> Iterator[Metric]:
        named = {"software": adapter.__version__, "knowledge": self._here.knowledge.version}
        yield InfoMetricFamily("adapter_knowledge", "Which software answers from which knowledge", value=named)
        if self._here.workplace is None:
            return
        jobs = GaugeMetricFamily("adapter_jobs", "Jobs in each state", labels=["state"])
        try:
            counted = outbox.counted(self._here.workplace.engine)
        except NotKept:
            return
        for state in ("queued", "running", "dead"):
            jobs.add_metric([state], counted.get(state, 0))
        yield jobs
