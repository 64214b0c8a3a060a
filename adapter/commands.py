"""What does each command do? From the words of a command line to an exit code; cli.py says how they are written."""

from __future__ import annotations

import argparse
import atexit
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import msgspec
from msgspec import field

from adapter import pipeline, summary
from adapter.facts.answers import Answer
from adapter.facts.case import UnmappedCode
from adapter.facts.frozen import Plain
from adapter.fhir.outcome import Refusal, operation_outcome
from adapter.fhir.wire import Head, read_head
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import load
from adapter.rows import BadTable, staged_rows
from adapter.settings import Settings, Unusable, schemes_from
from adapter.structured_report import NotAReport, bundle_of
from adapter.unmapped import tally, to_fill_in
from adapter.worked_cases import proved

OK, REFUSED, USAGE, BROKEN = 0, 1, 2, 3
CELLS = ("t", "n", "m", "grade", "her2", "er", "pr", "oncotype")


class Misuse(Exception):
    """The command cannot be carried out as it was written; the message says what to change."""


def knowledge_for(settings: Settings) -> Knowledge:
    return load(extra=settings.mappings, canonical=settings.canonical)


# interpret


def interpret(args: argparse.Namespace, settings: Settings) -> int:
    sent = [_read(name) for name in args.files]
    documents = [document for content in sent for document in _documents(content)]
    streamed = len(sent) == 1 and len(documents) > 1 and all(_is_bundle(document) for document in documents)
    if streamed and args.pretty:
        raise Misuse("--pretty would break NDJSON, where each result is one line; leave it out")
    books, request = knowledge_for(settings), _request(args, settings)
    requests = [[document] for document in documents] if streamed else [documents]
    answered: list[_Answered] = []
    for number, parts in enumerate(requests, start=1):
        one = _answer(parts, books, request, args)
        if one.refused:
            print(f"onco-adapter: {f'line {number}: ' if streamed else ''}{one.refused}", file=sys.stderr)
        answered.append(one)
    refused = any(one.refused for one in answered)
    keep = streamed or not refused
    _write(b"".join(one.content for one in answered), args.output if keep else None)
    if args.unmapped is not None and keep:
        _write(to_fill_in(tally(seen for one in answered for seen in one.unmapped.items())).encode(), args.unmapped)
    return REFUSED if refused else OK


def read_sr(args: argparse.Namespace, settings: Settings) -> int:
    """DICOM measurement reports as a FHIR Bundle."""
    files = [_read(name) for name in args.files]
    try:
        content = bundle_of(files, knowledge_for(settings))
    except ImportError as error:
        raise Misuse("reading DICOM needs one package more: pip install 'breast-cancer-fhir-adapter[dicom]'") from error
    except NotAReport as error:
        print(f"onco-adapter: the report cannot be read: {error}", file=sys.stderr)
        return REFUSED
    _write(_laid_out(content, args.pretty), args.output)
    return OK


class _Answered(Plain, frozen=True, kw_only=True):
    """The output for one patient, the reason if the input was refused, and the codes that were not known."""

    content: bytes
    refused: str = ""
    unmapped: Mapping[UnmappedCode, int] = field(default_factory=dict)


def _answer(parts: list[bytes], books: Knowledge, request: pipeline.Request, args: argparse.Namespace) -> _Answered:
    try:
        reply = pipeline.interpret(parts, books, request)
    except Refusal as refusal:
        outcome = msgspec.json.encode(operation_outcome(refusal.issues, canonical=books.canonical))
        return _Answered(content=_laid_out(outcome, args.pretty), refused=str(refusal))
    content = summary.summarise(reply, books).encode() if args.summary else _laid_out(reply.bundle, args.pretty)
    return _Answered(content=content, unmapped=reply.unmapped)


def _laid_out(content: bytes, pretty: bool) -> bytes:
    return (msgspec.json.format(content, indent=2) if pretty else content) + b"\n"


def _request(args: argparse.Namespace, settings: Settings) -> pipeline.Request:
    try:
        chosen = schemes_from(args.scheme)
    except ValueError as error:
        raise Misuse(str(error)) from error
    return pipeline.Request(
        schemes=settings.schemes | chosen,
        trusted=settings.trusted or args.trusted,
        issued=datetime.now(UTC),
        prognostic_tables=settings.prognostic_tables,
        max_entries=settings.max_entries,
    )


def _documents(content: bytes) -> list[bytes]:
    """The lines of NDJSON, or the whole as one document; only NDJSON has a first line that is complete JSON and a second one."""
    lines = [line for line in content.splitlines() if line.strip()]
    return lines if len(lines) > 1 and _head(lines[0]) is not None else [content]


def _is_bundle(document: bytes) -> bool:
    head = _head(document)
    return head is not None and head.resource_type == "Bundle"


def _head(document: bytes) -> Head | None:
    try:
        return read_head(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# stage


def stage(args: argparse.Namespace, settings: Settings) -> int:
    cells = {name: getattr(args, name) for name in CELLS}
    if args.csv is not None and any(cells.values()):
        raise Misuse("--csv takes every row from the file; leave out --t, --n and the other single values")
    if args.csv is None and not any(cells.values()):
        raise Misuse("give the tumor, such as --t T2 --n N1 --m M0, or a table with --csv FILE")
    books = knowledge_for(settings)

    def answer(query: pipeline.StageQuery) -> Answer:
        return pipeline.stage(query, books, args.basis, schemes=settings.schemes, prognostic_tables=settings.prognostic_tables)

    if args.csv is not None:
        return _stage_table(args, answer)
    try:
        print(summary.staged(answer(pipeline.StageQuery(**cells)), books), end="")
    except Refusal as refusal:
        print(f"onco-adapter: {refusal}", file=sys.stderr)
        return REFUSED
    return OK


def _stage_table(args: argparse.Namespace, answer: Callable[[pipeline.StageQuery], Answer]) -> int:
    try:
        text = _read(args.csv).decode("utf-8-sig")
        _write(staged_rows(text, answer).encode(), args.output)
    except UnicodeDecodeError as error:
        raise Misuse(f"the table has to be UTF-8; byte {error.start} is not") from error
    except BadTable as error:
        raise Misuse(str(error)) from error
    return OK


# check, explain, serve


def check(args: argparse.Namespace, settings: Settings) -> int:
    folder = Path(args.folder) if args.folder else None
    # A folder that says how answers are written is a whole set of books; any other is laid over ours, as ADAPTER_MAPPINGS does.
    is_whole = folder is not None and (folder / "outputs").is_dir()
    try:
        books = proved(folder) if is_whole else proved(extra=folder or settings.mappings, canonical=settings.canonical)
    except BrokenKnowledge as error:
        print(summary.broken(error), end="")
        return BROKEN
    print(summary.counted(books), end="")
    return OK


def explain(args: argparse.Namespace, settings: Settings) -> int:
    books = knowledge_for(settings)
    if args.rule is None:
        print(summary.rule_list(books), end="")
        return OK
    if args.rule not in books.rules:
        raise Misuse(f"there is no rule {args.rule!r}; `onco-adapter explain` lists them all")
    print(summary.explained(books.rules[args.rule], books), end="")
    return OK


def conform(args: argparse.Namespace, settings: Settings) -> int:
    # Asking over HTTP is read only by the command that may need it.
    from adapter import conform as trial

    try:
        return trial.conform(args, settings)
    except Unusable as error:
        raise Misuse(str(error)) from error


def serve(args: argparse.Namespace, settings: Settings) -> int:
    settings = settings.model_copy(update={"auth": args.auth or settings.auth})
    _share_counts()
    # The web framework is read only by the one command that needs it: it would double the start of all others.
    from adapter.app import create_app
    from adapter.logs import configure
    from adapter.web.server import is_loopback, run

    host, port = args.host or settings.host, settings.port if args.port is None else args.port
    if settings.auth == "none" and not is_loopback(host):
        raise Misuse(
            f"refusing to listen on {host}: with --auth none no authorization server is asked, so whoever reaches the port may ask. "
            "Without one, only loopback addresses are served (127.0.0.1, ::1, localhost)"
        )
    try:
        app = create_app(settings)
    except Unusable as error:
        raise Misuse(str(error)) from error
    configure(settings.log_format)
    run(app, host, port, args.workers)
    return OK


def _share_counts() -> None:
    """Give the workers a folder to count in. prometheus_client looks for it when it is first imported, which the application does."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        return
    folder, owner = mkdtemp(prefix="onco-adapter-"), os.getpid()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    # A worker that ends must not take away what the others still count in.
    atexit.register(lambda: rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)


# What talks to a FHIR server is read only by the commands that do: the database alone would double the start of all others.


def deliver(args: argparse.Namespace, settings: Settings) -> int:
    return _lasting("deliver", args, settings)


def jobs(args: argparse.Namespace, settings: Settings) -> int:
    return _lasting("jobs", args, settings)


def subscribe(args: argparse.Namespace, settings: Settings) -> int:
    return _lasting("subscribe", args, settings)


def feedback(args: argparse.Namespace, settings: Settings) -> int:
    return _lasting("feedback", args, settings)


def _lasting(name: str, args: argparse.Namespace, settings: Settings) -> int:
    from adapter import lasting_commands
    from adapter.delivery.jobs import NotKept
    from adapter.fhir.trouble import Trouble

    try:
        done: int = getattr(lasting_commands, name)(args, settings)
    except Unusable as error:
        raise Misuse(str(error)) from error
    except (Trouble, NotKept) as error:
        print(f"onco-adapter: {error}", file=sys.stderr)
        return REFUSED
    return done


# What is about many patients is read only by the commands that are.


def cohort(args: argparse.Namespace, settings: Settings) -> int:
    return _of_many("cohort", args, settings)


def cohort_summary(args: argparse.Namespace, settings: Settings) -> int:
    return _of_many("cohort_summary", args, settings)


def _of_many(name: str, args: argparse.Namespace, settings: Settings) -> int:
    from adapter import cohort_commands

    try:
        done: int = getattr(cohort_commands, name)(args, settings)
    except Unusable as error:
        print(f"onco-adapter: {error}", file=sys.stderr)
        return REFUSED
    return done


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Misuse(f"cannot read {name}: {error.strerror}") from error


def _write(content: bytes, name: str | None) -> None:
    if name is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise Misuse(f"cannot write {name}: {error.strerror}") from error
