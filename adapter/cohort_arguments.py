"""What can a person ask about many patients? How `cohort` and `cohort-summary` are written; `--help` teaches them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from adapter import commands

Group = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for the place where commands are added.
MakeCommand = Callable[..., argparse.ArgumentParser]

_COHORT = """\
    Interpret every patient of a Bulk Data export. IN is a folder of NDJSON files with one resource in a line: any names, any order,
    plain or gzip, several files for each type; where manifest.json (the output manifest) is there, the files that it lists are read.
    OUT, a new folder, then holds:
      results.ndjson   a result Bundle in each line, in the order of the patients' ids
      cases.parquet    a row for each case: stages, receptors, subtype, extent, PET response, flags; each column says what it holds
      aside.ndjson     every line that could not be used, with file, line number and reason, and patients who were refused
      run.json         what was read, by which software and knowledge, and the counts
    A run that was ended in any way goes on where it was when the same command is given again, and its output is the same. Where the
    inputs, the software, the knowledge or the options have changed meanwhile, it is refused: --anew discards what is there.
    Input is trusted, as an export of a FHIR server is: --checked validates each resource that contributes a fact.
    Needs the extra `cohort`. On many machines: --engine spark, with the extra `spark`;
    results.ndjson and cases.parquet are then folders."""
_SUMMARY = """\
    Count the cases of a finished run and draw them: stages, subtypes, extent, what is missing, and change of uptake as a waterfall.
    OUT/summary/index.html shows them with tables for readers who do not see the pictures; each picture is there as PNG and SVG.
    Small counts are not suppressed, and are marked. Needs the extra `cohort`."""


def add_cohort(group: Group[argparse.ArgumentParser], make: MakeCommand) -> None:
    command = make(
        group,
        "cohort",
        commands.cohort,
        _COHORT,
        "onco-adapter cohort export/ results/",
        "onco-adapter cohort export/ results/ --jobs 8 --memory 4GB --summary",
        "onco-adapter cohort export/ results/ --scheme subtype=stgallen2011 --issued 2026-11-01T00:00:00Z",
        "onco-adapter cohort export/ results/ --engine spark --master 'local[4]'",
    )
    command.add_argument("source", metavar="IN", help="the folder of the export; with Spark also an address such as hdfs://...")
    command.add_argument("out", metavar="OUT", help="a new folder for the results, or the one of a run to go on with")
    command.add_argument("--jobs", type=_positive, help="processes (default: one for each core)")
    command.add_argument(
        "--memory", type=_size, default="2GB", metavar="SIZE", help="most memory of the grouping; the rest goes to disk (default: 2GB)"
    )
    command.add_argument("--checked", action="store_true", help="validate each resource that contributes a fact")
    command.add_argument("--scheme", action="append", default=[], metavar="FAMILY=SCHEME", help="choose a scheme by name; may be repeated")
    command.add_argument("--issued", metavar="INSTANT", help="the moment that the results carry (default: when the run began)")
    command.add_argument("--anew", action="store_true", help="discard the run that OUT holds and begin anew")
    command.add_argument("--summary", action="store_true", help="draw the summary afterwards, as cohort-summary does")
    command.add_argument(
        "--unit", type=_megabytes, default=8.0, metavar="MB", help="input in one unit of work, done again if killed (default: 8)"
    )
    command.add_argument("--engine", choices=["local", "spark"], default="local", help="this machine, or Apache Spark (default: local)")
    command.add_argument("--master", metavar="URL", help="with Spark: where it runs (default: what spark-submit says, else this machine)")
    command.add_argument("--partitions", type=_positive, metavar="N", help="with Spark: pieces of work (default: by the size of the input)")


def add_summary(group: Group[argparse.ArgumentParser], make: MakeCommand) -> None:
    command = make(group, "cohort-summary", commands.cohort_summary, _SUMMARY, "onco-adapter cohort-summary results/")
    command.add_argument("out", metavar="OUT", help="the folder that `onco-adapter cohort` wrote")


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*(MB|GB|TB)", text):
        raise argparse.ArgumentTypeError("expected a size such as 500MB or 4GB")
    return text


def _megabytes(text: str) -> float:
    number = float(text)
    if not 0 < number < 10_000:
        raise argparse.ArgumentTypeError("expected a number of MB above 0")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
