"""What do the commands do that are about many patients? `cohort` and `cohort-summary`; cohort_arguments.py says how they are written."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import msgspec

import adapter
from adapter.case_rows import rows_of
from adapter.cohort.interpreting import Answered
from adapter.cohort.lines import Sieve, remembered
from adapter.cohort.place import Signature
from adapter.cohort.trouble import Halted
from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.outcome import Refusal, operation_outcome
from adapter.fhir.values import coded
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from adapter.pipeline import Request, interpret, known_schemes
from adapter.settings import Settings, Unusable, schemes_from
from adapter.terminology.translate import is_relevant

OK = 0
_NAMES_SHOWN = 10
_concept = msgspec.json.Decoder(wire.Concept).decode


@dataclass(frozen=True)
class Site:
    """How every patient is to be interpreted; it travels to each process and loads the books there."""

    mappings: Path | None
    canonical: str
    request: Request

    @property
    def read_types(self) -> frozenset[str]:
        """The types of resources that are read at all."""
        return wire.READ_TYPES

    def at(self, issued: str) -> Site:
        """The same with this moment on its results."""
        return replace(self, request=self.request.model_copy(update={"issued": datetime.fromisoformat(issued)}))

    def start(self) -> One:
        """The interpreter of this process."""
        return _one(self.mappings, self.canonical, self.request.model_dump_json())


@lru_cache(maxsize=1)
def _one(mappings: Path | None, canonical: str, request: str) -> One:
    """Started once in each process, whichever engine asks."""
    return One(load(extra=mappings, canonical=canonical), Request.model_validate_json(request))


class One:
    """Interprets one patient at a time with books that are loaded."""

    def __init__(self, books: Knowledge, request: Request) -> None:
        self.books, self.request = books, request
        self.sieve = Sieve(wire.READ_TYPES, remembered(self._asks))

    def _asks(self, code: bytes) -> bool:
        """Whether this CodeableConcept asks for something that is interpreted; what cannot be read goes on and is told there."""
        try:
            return is_relevant(coded(_concept(code)), self.books)
        except msgspec.DecodeError:
            return code != b"null"

    def answer(self, bundle: bytes) -> Answered:
        """The result Bundle and a row for each case; for a patient who is refused, the OperationOutcome that says why."""
        try:
            reply = interpret([bundle], self.books, self.request)
        except Refusal as refusal:
            return self._refused(refusal)
        except Exception as fault:  # noqa: BLE001 - A fault of ours with one patient must not keep all others from being answered.
            # Only the kind of the fault is told: its text may quote the record.
            text = f"a fault of the adapter ({type(fault).__name__}); the other patients are answered"
            return self._refused(Refusal(500, [Issue(code="internal-error", severity=Severity.ERROR, text=text)]))
        return Answered(reply.bundle, rows_of(reply))

    def _refused(self, refusal: Refusal) -> Answered:
        outcome = operation_outcome(refusal.issues, canonical=self.books.canonical)
        return Answered(msgspec.json.encode(outcome), [], str(refusal))


def cohort(args: argparse.Namespace, settings: Settings) -> int:
    """Interpret every patient of a folder."""
    site = Site(settings.mappings, settings.canonical, _request(args, settings))
    try:
        known_schemes(site.request.schemes, site.start().books)
    except Refusal as refusal:
        raise Unusable(str(refusal)) from refusal
    engine = _on_spark if args.engine == "spark" else _on_this_machine
    with _needing("spark" if args.engine == "spark" else "cohort"):
        report = engine(args, site)
        print(_said(report, args.out))
        if args.summary:
            _summarise(args.out)
    return OK


def cohort_summary(args: argparse.Namespace, settings: Settings) -> int:
    """Count the cases of a finished run and draw them."""
    del settings
    with _needing("cohort"):
        _summarise(args.out)
    return OK


def _summarise(out: str) -> None:
    from adapter.cohort.summary import summarise

    print(f"onco-adapter: the summary is {summarise(Path(out))}")


@contextmanager
def _needing(extra: str) -> Iterator[None]:
    """What is not installed is named with the extra that brings it; what halts a run is said as it is."""
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"{error.name} is not installed, and a cohort needs it: pip install 'breast-cancer-fhir-adapter[{extra}]'"
        raise Unusable(text) from error
    except Halted as halted:
        raise Unusable(str(halted)) from halted


def _on_this_machine(args: argparse.Namespace, site: Site) -> dict[str, object]:
    from adapter.cohort.run import Order, fingerprint, run

    source = Path(args.source)
    order = Order(
        source=source,
        out=Path(args.out),
        interpreting=site,
        signature=_signature(args, site, fingerprint(source)),
        issued=site.request.issued.isoformat(),
        jobs=args.jobs or _cores(),
        memory=args.memory,
        unit_bytes=int(args.unit * 1024 * 1024),
        anew=args.anew,
    )
    return run(order)


def _on_spark(args: argparse.Namespace, site: Site) -> dict[str, object]:
    from adapter.cohort.spark import SparkOrder, run

    signature = _signature(args, site, "")
    issued = site.request.issued.isoformat()
    return run(SparkOrder(args.source, args.out, site, signature, issued, args.master, args.memory, args.partitions, args.anew))


def _signature(args: argparse.Namespace, site: Site, inputs: str) -> Signature:
    """What the results depend on beside the inputs; how many processes there are is no part of it."""
    options = site.request.model_dump(mode="json", exclude={"issued"})
    chosen = {name: json.dumps(value, sort_keys=True) for name, value in options.items()}
    chosen |= {"canonical": site.canonical, "unit": str(args.unit), "issued": args.issued or "", "engine": args.engine}
    return Signature(inputs, adapter.__version__, site.start().books.version, chosen)


def _request(args: argparse.Namespace, settings: Settings) -> Request:
    try:
        issued = datetime.fromisoformat(args.issued) if args.issued else datetime.now(UTC)
        chosen = schemes_from(args.scheme)
    except ValueError as error:
        raise Unusable(str(error)) from error
    return Request(
        schemes=settings.schemes | chosen,
        trusted=not args.checked,
        issued=issued if issued.tzinfo else issued.replace(tzinfo=UTC),
        prognostic_tables=settings.prognostic_tables,
        max_entries=settings.max_entries,
    )


def _cores() -> int:
    """The cores that this process may use, which in a container are not all of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _said(report: Mapping[str, object], out: str) -> str:
    counts = report["kept_aside"]
    assert isinstance(counts, Mapping)
    aside = "; ".join(f"{reason} {count}" for reason, count in counts.items())
    lines = [f"onco-adapter: {report['patients']} patients, {report['cases']} cases, from {report['lines']} lines, in {out}"]
    unread = report["not_read"]
    assert isinstance(unread, list)
    if unread:
        more = " ..." if len(unread) > _NAMES_SHOWN else ""
        lines.append(f"onco-adapter: not read, as no NDJSON file of this export: {', '.join(unread[:_NAMES_SHOWN])}{more}")
    if aside:
        lines.append(f"onco-adapter: kept aside with reasons in {out}/aside.ndjson: {aside}")
    return "\n".join(lines)
