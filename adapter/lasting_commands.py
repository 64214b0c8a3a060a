"""What do the commands do that talk to a FHIR server? `deliver`, `jobs` and `subscribe`; cli.py says how they are written."""

from __future__ import annotations

import argparse
import json
import logging
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from secrets import token_urlsafe
from threading import Event
from types import FrameType

from adapter.delivery import audit, outbox, posted, subscriptions
from adapter.delivery.database import opened
from adapter.delivery.jobs import Job, NotKept, State, Work
from adapter.delivery.worker import work
from adapter.delivery.workplace import Workplace
from adapter.fhir.client import FhirServer, create, offered, read, update
from adapter.fhir.record import version_of
from adapter.fhir.subscription import is_topic, subscription
from adapter.fhir.trouble import Fault, Trouble
from adapter.fhir.wire import READ_TYPES
from adapter.joined import worker_name, workplace
from adapter.knowledge.loader import load
from adapter.settings import Settings, Unusable

OK, REFUSED = 0, 1
_NAME = re.compile(r"[A-Za-z0-9.-]{1,64}")
_LOG_FORMAT = "%(asctime)s %(name)s %(message)s"
# How often a worker that has nothing else to do looks after Subscriptions, audit and old jobs.
_ROUND = timedelta(minutes=1)
_REPORT_SECONDS = 1.0


def deliver(args: argparse.Namespace, settings: Settings) -> int:
    """Queue the patients that are named, and work until told to stop or until nothing is left."""
    needs_server = args.patients or args.server or not settings.keeps_jobs
    server = _server(args, settings) if needs_server else ""
    engine = opened(settings.database)
    kind = Work.REHEARSE if args.dry_run else Work.WRITE
    now = datetime.now().astimezone()
    queued = [outbox.enqueue(engine, server, kind, _patient(name), "command", now).id for name in args.patients]
    engine.dispose()
    stop = _stopped_by_signals()
    workers = [_started(settings, until_empty=bool(args.until_empty)) for _ in range(args.workers)]
    whole = _watch(workers, settings, stop, until_empty=bool(args.until_empty))
    return _report(settings, queued, args) if whole else REFUSED


def run_worker(settings: Settings, until_empty: bool) -> None:
    """One worker process: jobs, and in between what has to be done now and then."""
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop = _stopped_by_signals()
    place = workplace(settings, load(extra=settings.mappings, canonical=settings.canonical))
    if until_empty:
        work(place, stop, until_empty=True)
        look_after(place, settings)
        return
    next_round = place.clock()
    while not stop.is_set():
        if place.clock() >= next_round:
            look_after(place, settings)
            next_round = place.clock() + _ROUND
        work(place, stop, until_round=next_round)


def look_after(place: Workplace, settings: Settings) -> None:
    """Look for what silent Subscriptions may have missed, send the audit, and forget what is long over; what fails is tried again."""
    now = place.clock()
    try:
        for name in subscriptions.overdue(place.engine, timedelta(minutes=settings.catch_up_minutes), now):
            subscriptions.look(place.engine, name, now)
        if settings.audit_send:
            for server in settings.fhir_servers:
                audit.send(place.engine, place.connect(server, None), place.name, now)
        posted.forget_expired(place.engine, now)
        outbox.forget_before(place.engine, now - timedelta(days=settings.keep_days))
        subscriptions.forget_events_before(place.engine, now - timedelta(days=settings.keep_days))
    except (Trouble, NotKept) as error:
        logging.getLogger("adapter.delivery").warning("worker=%s could not look after everything: %s", place.name, error)


def jobs(args: argparse.Namespace, settings: Settings) -> int:
    """List jobs, show one, or ask for a dead one again."""
    engine = opened(settings.database)
    if args.action == "list":
        _print_table(outbox.listed(engine, [State(word) for word in args.state], args.most))
        return OK
    found = outbox.show(engine, args.job)
    if found is None:
        print(f"onco-adapter: there is no job {args.job}", file=sys.stderr)
        return REFUSED
    if args.action == "show":
        print(json.dumps(found.model_dump(mode="json", exclude={"lease"}, exclude_none=True), indent=2))
        return OK
    again = outbox.retry(engine, args.job, datetime.now().astimezone())
    if again is None:
        print(f"onco-adapter: job {args.job} is {found.state}; only a dead or cancelled one can be asked for again", file=sys.stderr)
        return REFUSED
    print(again.id)
    return OK


def subscribe(args: argparse.Namespace, settings: Settings) -> int:
    """Ask the server to tell us of changes, and remember what we asked for."""
    server = _server(args, settings)
    if not _NAME.fullmatch(args.name):
        raise Unusable("NAME has at most 64 letters, digits, dots and hyphens, because it stands in an address")
    if not settings.public_url:
        raise Unusable("ADAPTER_PUBLIC_URL has to say how the FHIR server reaches this service, such as https://adapter.hospital.example")
    place = workplace(settings, load(extra=settings.mappings, canonical=settings.canonical))
    upstream = place.connect(server, None)
    secret = token_urlsafe(32)
    endpoint = f"{settings.public_url}/fhir/subscription-notification/{args.name}"
    asked = subscription(args.criteria, endpoint, secret, args.payload, tuple(args.filter))
    searches = tuple(args.search) or (_searches(offered(upstream)) if is_topic(args.criteria) else (args.criteria,))
    known = subscriptions.Known(
        name=args.name,
        server=server,
        reference="",
        criteria=searches,
        secret=subscriptions.digest_of(secret),
        status="requested",
        checked=place.clock(),
    )
    before = subscriptions.find(place.engine, args.name)
    # The handshake may come before the server answers us, so the name has to be known before we ask.
    subscriptions.remember(place.engine, known)
    location = create(upstream, asked).headers.get("Location", "")
    reference = "/".join(location.partition("/_history/")[0].rsplit("/", 2)[-2:])
    subscriptions.name_upstream(place.engine, args.name, reference)
    if before is not None:
        _turn_off(upstream, before.reference)
    print(reference)
    return OK


def _turn_off(server: FhirServer, reference: str) -> None:
    """Stop the Subscription that had this name before: what it sends is not heard any more."""
    try:
        standing = read(server, reference)
        update(server, {**standing, "status": "off"}, version=version_of(standing))
    except Trouble as trouble:
        if trouble.fault is not Fault.GONE:
            raise


def _searches(kinds: Iterable[str]) -> tuple[str, ...]:
    """What to search when a topic may have left something out: every type that we read and the server has."""
    return tuple(sorted((READ_TYPES & set(kinds)) - {"Medication"}))


def _server(args: argparse.Namespace, settings: Settings) -> str:
    if not settings.fhir_servers:
        raise Unusable("ADAPTER_FHIR_SERVERS has to name the FHIR server, such as https://fhir.hospital.example/r4")
    server = (args.server or settings.fhir_servers[0]).rstrip("/")
    if server not in settings.fhir_servers:
        raise Unusable("--server has to be one of ADAPTER_FHIR_SERVERS")
    return str(server)


def _patient(name: str) -> str:
    return f"Patient/{name.removeprefix('Patient/')}"


def _stopped_by_signals() -> Event:
    stop = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


def _started(settings: Settings, *, until_empty: bool) -> BaseProcess:
    process = get_context("spawn").Process(target=run_worker, args=(settings, until_empty))
    process.start()
    return process


def _watch(workers: list[BaseProcess], settings: Settings, stop: Event, *, until_empty: bool) -> bool:
    """Keep as many workers as were asked for and say how far they are; whether none of them gave up by itself."""
    engine, said = opened(settings.database), ""
    while not stop.wait(_REPORT_SECONDS if any(one.is_alive() for one in workers) else 0):
        for number, one in enumerate(workers):
            if _was_killed(one):
                with suppress(NotKept):
                    outbox.release(engine, worker_name(one.pid or 0), datetime.now().astimezone())
                workers[number] = _started(settings, until_empty=until_empty)
        said = _told(partial(outbox.counted, engine), said)
        if is_over([one.exitcode for one in workers]):
            break
    for one in workers:
        one.terminate()
    for one in workers:
        one.join()
    return not any((one.exitcode or 0) > 0 for one in workers)


def is_over(codes: Sequence[int | None]) -> bool:
    """Whether the workers are done, or one has failed by itself; one that was killed meanwhile (a negative code) is replaced instead."""
    return any((code or 0) > 0 for code in codes) or all(code == 0 for code in codes)


def _was_killed(worker: BaseProcess) -> bool:
    """Whether a signal ended it: what failed by itself would fail again."""
    return worker.exitcode is not None and worker.exitcode < 0


def _told(count: Callable[[], dict[str, int]], before: str) -> str:
    """How many jobs stand where; said only when it has changed."""
    try:
        counts = ", ".join(f"{count} {state}" for state, count in sorted(count().items()))
    except NotKept:
        return before
    if counts != before:
        print(f"onco-adapter: {counts}", file=sys.stderr)
    return counts


def _report(settings: Settings, queued: Sequence[str], args: argparse.Namespace) -> int:
    """What became of the patients that were named; a dry run prints what would be written."""
    engine = opened(settings.database)
    found = [job for name in queued if (job := outbox.show(engine, name)) is not None]
    if args.dry_run:
        print(json.dumps([one for job in found for one in job.difference or ()], indent=2))
    else:
        _print_table(found)
    return REFUSED if any(job.state is State.DEAD for job in found) else OK


def _print_table(found: Sequence[Job]) -> None:
    for job in found:
        what = job.outcome or job.reason or job.progress or ""
        print(f"{job.id}  {job.state:9}  {job.kind:8}  {job.created:%Y-%m-%d %H:%M:%S}  attempts {job.attempts}  {job.subject}  {what}")
