"""What can a person ask at a terminal? Each command with its example; `onco-adapter COMMAND --help` teaches one."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from textwrap import dedent

from pydantic import ValidationError

import adapter
from adapter import commands, summary
from adapter.cohort_arguments import add_cohort, add_summary
from adapter.commands import BROKEN, CELLS, OK, USAGE, Misuse
from adapter.fhir.operation_definitions import STAGE_BASES
from adapter.knowledge.books import BrokenKnowledge
from adapter.settings import Settings

JOB_STATES = ("queued", "running", "done", "dead", "merged", "cancelled")
EXIT_CODES = "Exit codes: 0 answered, 1 the input was refused, 2 wrong use, 3 the mappings are broken."


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


class _Version(argparse.Action):
    """Print which software and which knowledge this is."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"onco-adapter {adapter.__version__}, knowledge {commands.knowledge_for(Settings()).version}")
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
    group = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        _add_interpret,
        _add_stage,
        _add_read_sr,
        _add_check,
        _add_explain,
        _add_conform,
        _add_serve,
        _add_deliver,
        _add_jobs,
        _add_subscribe,
        _add_feedback,
    ):
        add(group)
    for add_of_many in (add_cohort, add_summary):
        add_of_many(group, _command)
    return parser


def _add_interpret(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Interpret what is known about one patient: a Bundle, NDJSON, or a Bundle and further single resources in files of their own.
        NDJSON whose lines are Bundles is many patients: one result Bundle a line, in the same order."""
    command = _command(
        group,
        "interpret",
        commands.interpret,
        words,
        "onco-adapter interpret patient.json --summary",
        "onco-adapter interpret bundle.json late-her2-result.json --pretty",
        "onco-adapter interpret - --scheme subtype=stgallen2011 < patients.ndjson > results.ndjson",
        "onco-adapter interpret patients.ndjson --output results.ndjson --unmapped codes.csv",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="a file, or - for standard input")
    command.add_argument("--summary", action="store_true", help="print the result for a person instead of FHIR")
    command.add_argument("--scheme", action="append", default=[], metavar="FAMILY=SCHEME", help="choose a scheme by name; may be repeated")
    command.add_argument("--trusted", action="store_true", help="skip the full FHIR validation of the input")
    command.add_argument("--pretty", action="store_true", help="lay the JSON out over several lines")
    command.add_argument("--output", metavar="FILE", help="write to this file instead of standard output")
    command.add_argument("--unmapped", metavar="FILE", help="write the codes we do not know to this file, as a codes.csv to fill in")


def _add_stage(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Stage one tumor, or every row of a table, from its categories and markers. What is not given is unknown, never assumed:
        the answer then says which stages are still possible.
        A table has the columns T,N,M,grade,HER2,ER,PR and, if you like, oncotype, in any order and case. The same rows come back
        in the same order with two columns more: stage (empty where there is no group) and why."""
    command = _command(
        group,
        "stage",
        commands.stage,
        words,
        "onco-adapter stage --basis pathological --t T2 --n N0 --m M0 --grade G2 --her2 negative --er positive --pr negative --oncotype 8",
        "onco-adapter stage --basis clinical --csv tumors.csv > staged.csv",
    )
    command.add_argument("--basis", required=True, choices=STAGE_BASES, help="which stage is asked for; the two prognostic tables differ")
    for name in CELLS:
        command.add_argument(f"--{name}", default="", metavar="TEXT")
    command.add_argument("--csv", metavar="FILE", help="stage every row of this table; - is standard input")
    command.add_argument("--output", metavar="FILE", help="with --csv: write to this file instead of standard output")


def _add_read_sr(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Turn DICOM measurement reports of one patient into a FHIR Bundle. Each SUV becomes an Observation in the form of our profile
        pet-uptake; numbers and codes are taken as they stand, and nothing is judged. Needs the extra `dicom`."""
    command = _command(
        group,
        "read-sr",
        commands.read_sr,
        words,
        "onco-adapter read-sr baseline.dcm day15.dcm --output patient-pet.json",
        "onco-adapter read-sr report.dcm | onco-adapter interpret - --summary",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="a DICOM structured report, or - for standard input")
    command.add_argument("--pretty", action="store_true", help="lay the JSON out over several lines")
    command.add_argument("--output", metavar="FILE", help="write to this file instead of standard output")


def _add_check(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Prove the mappings: every source named, every code's check digit right, no band and no table with a gap or an overlap.
        FOLDER is a folder of your own, read over ours as ADAPTER_MAPPINGS is, or a whole set of mappings."""
    command = _command(group, "check", commands.check, words, "onco-adapter check", "onco-adapter check my-hospital/mappings")
    command.add_argument("folder", nargs="?", metavar="FOLDER", help="default: ours, with ADAPTER_MAPPINGS")


def _add_explain(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "Say what a rule asks, how it decides and where that was read. Without a rule: list all of them."
    command = _command(group, "explain", commands.explain, words, "onco-adapter explain", "onco-adapter explain RULE")
    command.add_argument("rule", nargs="?", metavar="RULE", help="the id that stands beside every answer")


def _add_conform(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Run fixtures and print which pass, with the difference where one does not. A fixture is a folder with input.json, the Bundle that is
        sent, and with expected.json, claims made by hand (as in fixtures/ of a checkout), or golden.json, a whole answer that was accepted.
        Without a folder: the fixtures that come with a checkout. Without an address: this program itself, with the settings of the site.
        Record golden files of your own fixtures with --accept, look at the difference, and keep them with your configuration: from then on
        any other answer is a failure. Moments and editions of software and rules are left out of them. Claims are never changed."""
    command = _command(
        group,
        "conform",
        commands.conform,
        words,
        "onco-adapter conform",
        "onco-adapter conform --url http://127.0.0.1:8080/fhir",
        "onco-adapter conform our-fixtures --accept",
        "onco-adapter conform our-fixtures --url https://adapter.hospital.example/fhir --token-file token.txt --junit report.xml",
        after="Exit codes: 0 all passed or were accepted, 1 at least one failed, 2 wrong use, 3 the mappings are broken.",
    )
    command.add_argument("folder", nargs="?", metavar="DIR", help="a folder of fixtures, or one fixture (default: ours)")
    command.add_argument("--url", metavar="BASE", help="the FHIR base of a running service, such as http://127.0.0.1:8080/fhir")
    command.add_argument("--token-file", metavar="FILE", help="with --url: a file with the access token to send")
    command.add_argument("--accept", action="store_true", help="write golden.json as the answers are now, where the claims hold")
    command.add_argument("--full", action="store_true", help="print differences whole instead of their first lines")
    command.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output, instead of the table")
    command.add_argument("--junit", metavar="FILE", help="write the result as JUnit XML for a build server")


def _add_serve(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "Run the FHIR service. Callers bring a token of your authorization server; with --auth none it listens on this machine only."
    example = "curl -H 'Content-Type: application/fhir+json' -d @patient.json 'http://127.0.0.1:8080/fhir/$interpret-breast-cancer'"
    command = _command(group, "serve", commands.serve, words, "onco-adapter serve --auth none", example)
    command.add_argument("--host", help="address to listen on (default: ADAPTER_HOST, else 127.0.0.1)")
    command.add_argument("--port", type=int, help="port to listen on (default: ADAPTER_PORT, else 8080)")
    command.add_argument("--workers", type=int, default=2, help="worker processes (default: 2)")
    command.add_argument(
        "--auth",
        choices=["none", "smart"],
        help="who may call (default: ADAPTER_AUTH, else smart): smart is a bearer token, none is anyone on this machine",
    )


def _add_deliver(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Interpret patients on the FHIR server and write back the difference. The work is kept in ADAPTER_DATABASE until it is done, so
        it survives a crash, a restart and a server that is away. Without a patient: do what is queued, until stopped."""
    command = _command(
        group,
        "deliver",
        commands.deliver,
        words,
        "onco-adapter deliver --workers 2",
        "onco-adapter deliver 123 456 --until-empty",
        "onco-adapter deliver 123 --dry-run --until-empty",
    )
    command.add_argument("patients", nargs="*", metavar="PATIENT", help="the id of a patient on the FHIR server")
    command.add_argument("--server", metavar="URL", help="one of ADAPTER_FHIR_SERVERS (default: the first)")
    command.add_argument("--dry-run", action="store_true", help="work out and print what would be written, and write nothing")
    command.add_argument("--until-empty", action="store_true", help="stop when nothing is waiting any more")
    command.add_argument("--workers", type=int, default=1, help="worker processes (default: 1)")


def _add_jobs(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "See what is waiting, what was done and what died with which reason; ask for a dead job again."
    command = _command(
        group,
        "jobs",
        commands.jobs,
        words,
        "onco-adapter jobs list --state dead",
        "onco-adapter jobs show JOB",
        "onco-adapter jobs retry JOB",
    )
    actions = command.add_subparsers(required=True, metavar="ACTION", dest="action")
    listing = actions.add_parser("list", help="the newest jobs")
    listing.add_argument("--state", action="append", default=[], choices=JOB_STATES, help="only these; may be repeated")
    listing.add_argument("--most", type=int, default=100, help="how many (default: 100)")
    actions.add_parser("show", help="everything about one job").add_argument("job", metavar="JOB")
    actions.add_parser("retry", help="ask for a dead job again").add_argument("job", metavar="JOB")


def _add_subscribe(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Ask the FHIR server to tell this service of changes: a Subscription with a search as criteria (R4), or with the URL of a topic
        (R5 backport). Its patients are then interpreted again whenever an input changes."""
    command = _command(
        group,
        "subscribe",
        commands.subscribe,
        words,
        "onco-adapter subscribe observations --criteria 'Observation?category=laboratory'",
        "onco-adapter subscribe reports --criteria https://fhir.example/SubscriptionTopic/report-final --payload id-only",
    )
    command.add_argument("name", metavar="NAME", help="a name of your own; it stands in the address that the server calls")
    command.add_argument("--criteria", required=True, metavar="TEXT", help="a search such as Observation?status=final, or a topic URL")
    command.add_argument("--payload", choices=["empty", "id-only", "full-resource"], default="id-only", help="default: id-only")
    command.add_argument("--filter", action="append", default=[], metavar="TEXT", help="a filter of the topic; may be repeated")
    command.add_argument("--search", action="append", default=[], metavar="TEXT", help="what to search after a gap; default: the criteria")
    command.add_argument("--server", metavar="URL", help="one of ADAPTER_FHIR_SERVERS (default: the first)")


def _add_feedback(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = """\
        Count what users did with the cards of CDS Hooks. With --csv: one row for each thing that they did, comments included;
        a comment is free text, so treat that table as you treat the record."""
    command = _command(group, "feedback", commands.feedback, words, "onco-adapter feedback", "onco-adapter feedback --csv > feedback.csv")
    command.add_argument("--csv", action="store_true", help="print every row instead of counts")


def _command(
    group: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace, Settings], int],
    words: str,
    *examples: str,
    after: str = "",
) -> argparse.ArgumentParser:
    described = dedent(words)
    command = group.add_parser(
        name,
        help=described.partition(". ")[0].partition(":")[0].strip().rstrip("."),
        description=described,
        epilog=_examples(*examples, after=after),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=run)
    return command


def _examples(*lines: str, after: str = "") -> str:
    return "\n".join(["examples:", *(f"  {line}" for line in lines), *(["", after] if after else [])])
