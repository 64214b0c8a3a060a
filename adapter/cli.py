"""What can a person ask at a terminal? Each command with its example; `onco-adapter COMMAND --help` teaches one."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import msgspec
from pydantic import ValidationError

import adapter
from adapter import pipeline, summary
from adapter.fhir.outcome import Refusal, operation_outcome
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import load
from adapter.rows import BadTable, staged_rows
from adapter.settings import Settings, schemes_from

OK, REFUSED, USAGE, BROKEN = 0, 1, 2, 3
BASES = ("clinical", "pathological", "anatomic")
CELLS = ("t", "n", "m", "grade", "her2", "er", "pr", "oncotype")
EXIT_CODES = "Exit codes: 0 answered, 1 the input was refused, 2 wrong use, 3 the mappings are broken."


class Misuse(Exception):  # noqa: N818 - like Refusal, it is an answer to the caller and not a fault of ours.
    """The command cannot be carried out as it was written; the message says what to change."""


class _Head(msgspec.Struct, rename={"resource_type": "resourceType"}):
    """As much of a line as tells a Bundle from another resource."""

    resource_type: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _run(_parser().parse_args(arguments))
    except Misuse as error:
        print(f"onco-adapter: {error}", file=sys.stderr)
        return USAGE
    except BrokenKnowledge as error:
        print(f"onco-adapter: the mappings are broken, so nothing is answered.\n{summary.broken(error)}", end="", file=sys.stderr)
        return BROKEN
    except BrokenPipeError:
        # The reader of our output left (`| head`): nothing is wrong, and Python must not complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _run(args: argparse.Namespace) -> int:
    command: Callable[[argparse.Namespace, Settings], int] = args.command
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "; ".join(f"ADAPTER_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())
        raise Misuse(f"a setting cannot be used: {faults}") from error
    return command(args, settings)


def _books(settings: Settings) -> Knowledge:
    return load(extra=settings.mappings, canonical=settings.canonical)


# interpret


def _interpret(args: argparse.Namespace, settings: Settings) -> int:
    sent = [_read(name) for name in args.files]
    documents = [document for content in sent for document in _documents(content)]
    streamed = len(sent) == 1 and len(documents) > 1 and all(_is_bundle(document) for document in documents)
    if streamed and args.pretty:
        raise Misuse("--pretty would break NDJSON, where each result is one line; leave it out")
    books, request = _books(settings), _request(args, settings)
    requests = [[document] for document in documents] if streamed else [documents]
    answered, code = [], OK
    for number, parts in enumerate(requests, start=1):
        content, refused = _answer(parts, books, request, args)
        if refused:
            print(f"onco-adapter: {f'line {number}: ' if streamed else ''}{refused}", file=sys.stderr)
            code = REFUSED
        answered.append(content)
    _write(b"".join(answered), None if code == REFUSED and not streamed else args.output)
    return code


def _answer(parts: list[bytes], books: Knowledge, request: pipeline.Request, args: argparse.Namespace) -> tuple[bytes, str]:
    """The output for one patient, and the reason if the input was refused."""
    try:
        reply = pipeline.interpret(parts, books, request)
    except Refusal as refusal:
        outcome = msgspec.json.encode(operation_outcome(refusal.issues, canonical=books.canonical))
        return _laid_out(outcome, args.pretty), str(refusal)
    if args.summary:
        return summary.summarise(reply, books).encode(), ""
    return _laid_out(reply.bundle, args.pretty), ""


def _laid_out(content: bytes, pretty: bool) -> bytes:  # noqa: FBT001 - it is the flag of the command line, passed on.
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
    )


def _documents(content: bytes) -> list[bytes]:
    """The lines of NDJSON, or the whole as one document; only NDJSON has a first line that is complete JSON and a second one."""
    lines = [line for line in content.splitlines() if line.strip()]
    return lines if len(lines) > 1 and _head(lines[0]) is not None else [content]


def _is_bundle(document: bytes) -> bool:
    head = _head(document)
    return head is not None and head.resource_type == "Bundle"


def _head(document: bytes) -> _Head | None:
    try:
        return msgspec.json.decode(document, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# stage


def _stage(args: argparse.Namespace, settings: Settings) -> int:
    cells = {name: getattr(args, name) for name in CELLS}
    if args.csv is not None and any(cells.values()):
        raise Misuse("--csv takes every row from the file; leave out --t, --n and the other single values")
    if args.csv is None and not any(cells.values()):
        raise Misuse("give the tumor, such as --t T2 --n N1 --m M0, or a table with --csv FILE")
    books = _books(settings)
    if args.csv is not None:
        return _stage_table(args, books)
    try:
        print(summary.staged(pipeline.stage(pipeline.StageQuery(**cells), books, args.basis), books), end="")
    except Refusal as refusal:
        print(f"onco-adapter: {refusal}", file=sys.stderr)
        return REFUSED
    return OK


def _stage_table(args: argparse.Namespace, books: Knowledge) -> int:
    try:
        text = _read(args.csv).decode("utf-8-sig")
        _write(staged_rows(text, lambda row: pipeline.stage(row, books, args.basis)).encode(), args.output)
    except UnicodeDecodeError as error:
        raise Misuse(f"the table has to be UTF-8; byte {error.start} is not") from error
    except BadTable as error:
        raise Misuse(str(error)) from error
    return OK


# check, explain, serve


def _check(args: argparse.Namespace, settings: Settings) -> int:
    folder = Path(args.folder) if args.folder else None
    # A folder that says how answers are written is a whole set of books; any other is laid over ours, as ADAPTER_MAPPINGS does.
    is_whole = folder is not None and (folder / "outputs").is_dir()
    try:
        books = load(folder) if is_whole else load(extra=folder or settings.mappings, canonical=settings.canonical)
    except BrokenKnowledge as error:
        print(summary.broken(error), end="")
        return BROKEN
    print(summary.counted(books), end="")
    return OK


def _explain(args: argparse.Namespace, settings: Settings) -> int:
    books = _books(settings)
    if args.rule is None:
        print(summary.rule_list(books), end="")
        return OK
    if args.rule not in books.rules:
        raise Misuse(f"there is no rule {args.rule!r}; `onco-adapter explain` lists them all")
    print(summary.explained(books.rules[args.rule], books), end="")
    return OK


def _serve(args: argparse.Namespace, settings: Settings) -> int:
    # The web framework is read only by the one command that needs it: it would double the start of all others.
    from adapter.app import create_app  # noqa: PLC0415
    from adapter.web.server import is_loopback, serve  # noqa: PLC0415

    host, port = args.host or settings.host, settings.port if args.port is None else args.port
    if not is_loopback(host):
        raise Misuse(
            f"refusing to listen on {host}: no authorization server can be configured yet, so whoever reaches the port may ask. "
            "Only loopback addresses are served (127.0.0.1, ::1, localhost)"
        )
    serve(create_app(settings), host, port, args.workers)
    return OK


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


# What the help says


class _Version(argparse.Action):
    """Print which software and which knowledge this is."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"onco-adapter {adapter.__version__}, knowledge {_books(Settings()).version}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onco-adapter",
        description="Breast-cancer results in FHIR R4 in; published interpretations with their basis out.",
        epilog=_examples(
            "onco-adapter interpret patient.json --summary",
            "onco-adapter stage --basis clinical --t T2 --n N1 --m M0 --grade G2 --her2 negative --er positive --pr positive",
            "onco-adapter serve --auth none",
            after=EXIT_CODES,
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version of the software and of the knowledge")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (_add_interpret, _add_stage, _add_check, _add_explain, _add_serve):
        add(commands)
    return parser


def _add_interpret(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Interpret what is known about one patient: a Bundle, NDJSON, or a Bundle and further single resources in files of their own.
        NDJSON whose lines are Bundles is many patients: one result Bundle a line, in the same order."""
    command = _command(
        commands,
        "interpret",
        _interpret,
        words,
        "onco-adapter interpret patient.json --summary",
        "onco-adapter interpret bundle.json late-her2-result.json --pretty",
        "onco-adapter interpret - --scheme subtype=stgallen2011 < patients.ndjson > results.ndjson",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="a file, or - for standard input")
    command.add_argument("--summary", action="store_true", help="print the result for a person instead of FHIR")
    command.add_argument("--scheme", action="append", default=[], metavar="FAMILY=SCHEME", help="choose a scheme by name; may be repeated")
    command.add_argument("--trusted", action="store_true", help="skip the full FHIR validation of the input")
    command.add_argument("--pretty", action="store_true", help="lay the JSON out over several lines")
    command.add_argument("--output", metavar="FILE", help="write to this file instead of standard output")


def _add_stage(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Stage one tumor, or every row of a table, from its categories and markers. What is not given is unknown, never assumed:
        the answer then says which stages are still possible.
        A table has the columns T,N,M,grade,HER2,ER,PR and, if you like, oncotype, in any order and case. The same rows come back
        in the same order with two columns more: stage (empty where there is no group) and why."""
    command = _command(
        commands,
        "stage",
        _stage,
        words,
        "onco-adapter stage --basis pathological --t T2 --n N0 --m M0 --grade G2 --her2 negative --er positive --pr negative --oncotype 8",
        "onco-adapter stage --basis clinical --csv tumors.csv > staged.csv",
    )
    command.add_argument("--basis", required=True, choices=BASES, help="which stage is asked for; the two prognostic tables differ")
    for name in CELLS:
        command.add_argument(f"--{name}", default="", metavar="TEXT")
    command.add_argument("--csv", metavar="FILE", help="stage every row of this table; - is standard input")
    command.add_argument("--output", metavar="FILE", help="with --csv: write to this file instead of standard output")


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Prove the mappings: every source named, every code's check digit right, no band and no table with a gap or an overlap.
        FOLDER is a folder of your own, read over ours as ADAPTER_MAPPINGS is, or a whole set of mappings."""
    command = _command(commands, "check", _check, words, "onco-adapter check", "onco-adapter check my-hospital/mappings")
    command.add_argument("folder", nargs="?", metavar="FOLDER", help="default: ours, with ADAPTER_MAPPINGS")


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "Say what a rule asks, how it decides and where that was read. Without a rule: list all of them."
    command = _command(commands, "explain", _explain, words, "onco-adapter explain", "onco-adapter explain RULE")
    command.add_argument("rule", nargs="?", metavar="RULE", help="the id that stands beside every answer")


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "Run the FHIR service. Without an authorization server it listens on this machine only."
    example = "curl -H 'Content-Type: application/fhir+json' -d @patient.json 'http://127.0.0.1:8080/fhir/$interpret-breast-cancer'"
    command = _command(commands, "serve", _serve, words, "onco-adapter serve --auth none", example)
    command.add_argument("--host", help="address to listen on (default: ADAPTER_HOST, else 127.0.0.1)")
    command.add_argument("--port", type=int, help="port to listen on (default: ADAPTER_PORT, else 8080)")
    command.add_argument("--workers", type=int, default=2, help="worker processes (default: 2)")
    command.add_argument("--auth", choices=["none"], default="none", help="who may call; none means anyone on this machine")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace, Settings], int],
    words: str,
    *examples: str,
) -> argparse.ArgumentParser:
    described = dedent(words)
    command = commands.add_parser(
        name,
        help=described.partition(". ")[0].partition(":")[0].strip().rstrip("."),
        description=described,
        epilog=_examples(*examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=run)
    return command


def _examples(*lines: str, after: str = "") -> str:
    return "\n".join(["examples:", *(f"  {line}" for line in lines), *(["", after] if after else [])])
