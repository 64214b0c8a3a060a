"""How does a job get done? Read the patient, work out what follows, write the difference, and only then call it done.

Nothing is remembered between two attempts: each begins with what the server holds, so it does not matter at which point the last one died.
"""

from __future__ import annotations

import logging
from datetime import datetime
from json import loads
from threading import Event
from time import perf_counter
from typing import Any

from adapter.delivery import ledger, outbox, posted
from adapter.delivery.audit import Witness
from adapter.delivery.jobs import Job, NotKept, Outcome, Work
from adapter.delivery.notified import find, recover
from adapter.delivery.outbox import LeaseLost
from adapter.delivery.workplace import Workplace
from adapter.fhir.client import FhirServer, create, encode, read, search, transact
from adapter.fhir.outcome import Refusal
from adapter.fhir.record import Record, fetch
from adapter.fhir.trouble import Fault, Trouble
from adapter.fhir.write_back import Deed, Plan, Settled, entries_of, found_already, plan, query_for, settled

LOG = logging.getLogger("adapter.delivery")
# How often one attempt looks again when somebody had written what it did not see.
_LOOKS = 3


def work(
    place: Workplace, stop: Event, idle_seconds: float = 1.0, *, until_empty: bool = False, until_round: datetime | None = None
) -> int:
    """Do jobs until told to stop, until nothing is waiting, or until a moment has come; how many were taken up."""
    taken = 0
    while not stop.is_set() and (until_round is None or place.clock() < until_round):
        job = _next(place)
        if job is not None:
            taken += 1
            do(place, job)
        elif until_empty and outbox.is_empty(place.engine):
            break
        else:
            stop.wait(idle_seconds)
    return taken


def _next(place: Workplace) -> Job | None:
    """The next job, or None while the database is away: it is asked again after a pause."""
    try:
        return outbox.lease_next(place.engine, place.name, place.patience, place.clock())
    except NotKept as error:
        LOG.warning("worker=%s cannot take a job: %s", place.name, error)
        return None


def do(place: Workplace, job: Job) -> None:
    """One attempt at a job that was leased; whatever goes wrong is written down, and never raised."""
    began = perf_counter()
    try:
        _attempt(place, job)
        what = "done"
    except LeaseLost:
        _after_a_lost_lease(place, job)
        what = "lease lost"
    except NotKept as error:
        # The lease runs out by itself, and the job is done again from the start.
        what = str(error)
    except Trouble as trouble:
        what = _put_back(place, job, trouble)
    except Refusal as refusal:
        what = _give_up(place, job, f"the record cannot be interpreted ({', '.join(sorted({issue.code for issue in refusal.issues}))})")
    except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the worker; its text could quote a patient.
        LOG.error("job=%s fault=%s", job.id, type(error).__name__)  # noqa: TRY400 - a traceback holds values.
        what = _give_up(place, job, f"a fault of the adapter ({type(error).__name__}); the log has it under this job")
    LOG.info("job=%s kind=%s attempt=%d %s %.0f ms", job.id, job.kind, job.attempts, what, (perf_counter() - began) * 1000)


def _attempt(place: Workplace, job: Job) -> None:
    if job.kind is Work.INTERPRET:
        posted.answer(place, job)
        return
    witness = Witness(place.engine, job.server, job.subject if job.subject.startswith("Patient/") else None)
    server = place.connect(job.server, witness)
    try:
        match job.kind:
            case Work.WRITE | Work.REHEARSE:
                _interpret(place, job, server, witness)
            case Work.FIND:
                find(place, job, server)
            case Work.RECOVER:
                recover(place, job, server)
    finally:
        witness.keep_reads()


def _interpret(place: Workplace, job: Job, server: FhirServer, witness: Witness) -> None:
    unseen: list[str] = []
    refused: tuple[Trouble, list[str]] | None = None
    for _ in range(_LOOKS):
        try:
            record = fetch(server, job.subject, place.canonical, place.max_entries, place.holding(job))
        except Trouble as trouble:
            if trouble.fault is Fault.GONE:
                outbox.finish(place.engine, job, Outcome.NO_SUCH_PATIENT, place.clock())
                return
            raise
        record.ours |= _read_again(server, unseen)
        drawn = _plan(place, job, record)
        witness.keep_reads()
        if job.kind is Work.REHEARSE or not drawn.changes:
            _finish_without_writing(place, job, drawn)
            return
        if refused is not None and refused[1] == drawn.essence():
            raise refused[0]
        try:
            unseen = _write(place, job, server, drawn)
        except Trouble as trouble:
            if trouble.fault not in (Fault.REFUSED, Fault.GONE):
                raise
            # What the results point at may have gone since it was read. Only where the same would be sent again it is refused for good.
            refused = (trouble, drawn.essence())
            continue
        if not unseen:
            return
    raise Trouble(Fault.CONFLICT, "the record keeps changing, or holds results of ours that the server does not show")


def _read_again(server: FhirServer, references: list[str]) -> dict[str, dict[str, Any]]:
    try:
        return {reference: read(server, reference) for reference in references}
    except Trouble as trouble:
        if trouble.fault is not Fault.GONE:
            raise
        raise Trouble(Fault.CONFLICT, "a result of ours was there and is gone") from trouble


def _finish_without_writing(place: Workplace, job: Job, drawn: Plan) -> None:
    rehearsed = job.kind is Work.REHEARSE
    outcome = Outcome.REHEARSED if rehearsed else Outcome.NOTHING_TO_WRITE
    difference = _difference(drawn) if rehearsed else None
    outbox.finish(place.engine, job, outcome, place.clock(), counts=drawn.counts(), difference=difference)


def _plan(place: Workplace, job: Job, record: Record) -> Plan:
    place.hold(job, f"{len(record.sent)} resources read; working out what follows")
    result = place.interpret(record.bundle())
    issued = place.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = ledger.known(place.engine, job.server, job.subject)
    return plan(result, record, canonical=place.canonical, author=place.author, issued=issued, known=known)


def _write(place: Workplace, job: Job, server: FhirServer, drawn: Plan) -> list[str]:
    """Write the difference and close the job; or the references of what somebody had written before us, to look again."""
    device = _device(place, job, server)
    entries = entries_of(drawn, place.author, device)
    # The last look before the write: a worker that was away for too long finds that another has its job, and writes nothing.
    place.hold(job, f"writing {len(entries)} resources")
    try:
        responses = transact(server, entries)
    except Trouble as trouble:
        raise _with_device(place, job, server, device, trouble) from trouble
    unseen = found_already(drawn, responses)
    if unseen:
        return unseen
    done = settled(drawn, responses)
    moment = place.clock()
    outbox.finish(
        place.engine,
        job,
        Outcome.WRITTEN,
        moment,
        counts=drawn.counts(),
        addresses=[one.reference for one in done],
        record=lambda connection: ledger.record(connection, job.server, job.subject, job.id, done, moment),
    )
    return []


def _device(place: Workplace, job: Job, server: FhirServer) -> str:
    """The Device of this version on the server, created once."""
    identifier = place.author.device["identifier"][0]
    identity = f"{identifier['system']}|{identifier['value']}"
    before = ledger.lookup(place.engine, job.server, identity)
    if before is not None:
        return before.reference
    if not ledger.claim(place.engine, job.server, identity, job.id, place.clock()):
        raise Trouble(Fault.CONFLICT, "another worker is creating the Device of this version")
    reference = _created_once(server, place.author.device, identity)
    made = Settled(identity, reference, None, "", Deed.CREATE)
    ledger.settle(place.engine, job.server, "", job.id, [made], place.clock())
    return reference


def _created_once(server: FhirServer, resource: dict[str, Any], identity: str) -> str:
    kind = resource["resourceType"]
    try:
        location = create(server, resource, unless=query_for(identity)).headers.get("Location", "")
        name = location.partition("/_history/")[0].rsplit("/", 1)[-1]
        if name:
            return f"{kind}/{name}"
    except Trouble as trouble:
        # Several are there already: any of them will do, so the same one is always taken.
        if trouble.fault is not Fault.CONFLICT:
            raise
    found = sorted(str(one["id"]) for one in search(server, kind, {"identifier": identity}))
    if not found:
        raise Trouble(Fault.CUT_OFF, f"the server took a {kind} and does not show it")
    return f"{kind}/{found[0]}"


def _with_device(place: Workplace, job: Job, server: FhirServer, device: str, trouble: Trouble) -> Trouble:
    """The trouble of a transaction; where our Device is gone from the server, one that lets the job be done again with a new one."""
    if trouble.fault not in (Fault.REFUSED, Fault.GONE, Fault.CONFLICT):
        return trouble
    try:
        read(server, device)
    except Trouble as gone:
        if gone.fault is Fault.GONE:
            identifier = place.author.device["identifier"][0]
            ledger.forget(place.engine, job.server, f"{identifier['system']}|{identifier['value']}")
            return Trouble(Fault.CONFLICT, "our Device is gone from the server", status=trouble.status)
    return trouble


def _difference(drawn: Plan) -> list[dict[str, Any]]:
    """What would be written, for somebody to look at."""
    return [
        {"deed": str(change.deed), "reference": change.reference, "version": change.version, "resource": loads(encode(change.resource))}
        for change in drawn.changes
    ]


def _after_a_lost_lease(place: Workplace, job: Job) -> None:
    """Whoever has the job now may have read before we wrote: one more turn makes sure that nothing stale stands on top."""
    if job.kind is Work.INTERPRET:
        return
    try:
        outbox.enqueue(place.engine, job.server, job.kind, job.subject, "lost-lease", place.clock())
    except NotKept as error:
        LOG.warning("job=%s lost its lease, and no second look could be queued: %s", job.id, error)


def _put_back(place: Workplace, job: Job, trouble: Trouble) -> str:
    try:
        again = outbox.put_back(place.engine, job, trouble, place.patience, place.clock())
    except LeaseLost:
        _after_a_lost_lease(place, job)
        return "lease lost"
    except NotKept as error:
        return str(error)
    return f"{trouble}; now {again.state}"


def _give_up(place: Workplace, job: Job, reason: str) -> str:
    try:
        outbox.dead(place.engine, job, reason, place.clock())
    except (LeaseLost, NotKept) as error:
        return f"{reason}; {type(error).__name__}"
    return f"dead: {reason}"


def take_up(place: Workplace, job: Job) -> Job:
    """Do this job now if nobody works on its patient, and say how it stands."""
    leased = outbox.lease_one(place.engine, job.id, place.name, place.patience, place.clock())
    if leased is not None:
        do(place, leased)
    return outbox.show(place.engine, job.id) or job
