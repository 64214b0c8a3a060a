"""Does a service answer as it should? Fixtures, ours or a hospital's, against this adapter or against an address; the command `conform`.

A fixture is a folder with `input.json` and one of two expectations, or both: `expected.json` holds claims that somebody made by hand, and
`golden.json` the whole answer as it was when somebody accepted it, without what changes from run to run. Claims are never written by
this command; a golden file is written by `--accept` and by nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

import adapter
from adapter import pipeline
from adapter.facts.frozen import Frozen
from adapter.fhir.claims import broken_claims
from adapter.fhir.client import FhirServer, encode
from adapter.fhir.outcome import Refusal
from adapter.fhir.outgoing import decode
from adapter.fhir.trouble import Trouble
from adapter.knowledge.loader import load
from adapter.settings import Settings, Unusable

OK, FAILED = 0, 1
INPUT, CLAIMS, GOLDEN = "input.json", "expected.json", "golden.json"
_DIFF_LINES = 40
# What differs between two runs that say the same: when it was said, and by which edition.
_MOMENTS = frozenset({"issued", "recorded", "timestamp"})
_EDITION = re.compile(r"\|[0-9a-f]{12}$")

Ask = Callable[[bytes], bytes]
Resource = dict[str, Any]


class Fixture(Frozen):
    """One folder: what is sent, what somebody claims of the answer, and the answer that was accepted."""

    name: str
    folder: Path
    sent: bytes
    claims: dict[str, Any] | None
    golden: str | None


class Outcome(Frozen):
    """How one fixture went: passed, failed, or accepted; with every fault and the difference to the golden file."""

    name: str
    state: str
    faults: tuple[str, ...] = ()
    difference: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return self.state != "failed"


def conform(args: argparse.Namespace, settings: Settings) -> int:
    """Run every fixture of a folder and print how it went."""
    folder = Path(args.folder) if args.folder else _ours()
    if args.accept and not args.folder:
        raise Unusable("our own fixtures hold claims made by hand and no golden files; name a folder of your own: conform --accept DIR")
    fixtures = read_fixtures(folder)
    ask = _over_http(args, settings) if args.url else _in_process(settings)
    outcomes = []
    for number, fixture in enumerate(fixtures, 1):
        _progress(f"{number}/{len(fixtures)} {fixture.name}")
        outcomes.append(tried(fixture, ask, accept=args.accept))
    _progress("")
    if args.json != "-":
        print(table(outcomes, whole=args.full), end="")
    _report(args, outcomes)
    return OK if all(one.is_good for one in outcomes) else FAILED


# The folder


def _ours() -> Path:
    folder = Path(adapter.__file__).parent.parent / "fixtures"
    if not folder.is_dir():
        raise Unusable("our own fixtures come with a checkout and not with an installed package; name a folder: onco-adapter conform DIR")
    return folder


def read_fixtures(folder: Path) -> list[Fixture]:
    """Every fixture below a folder, or the folder itself as one; whatever is wrong with it is said before anything is asked."""
    if not folder.is_dir():
        raise Unusable(f"{folder} is no folder; a fixture is a folder with {INPUT} and {CLAIMS} or {GOLDEN} in it")
    places = (
        [folder] if (folder / INPUT).is_file() else sorted(one for one in folder.iterdir() if one.is_dir() and one.name[:1] not in "._")
    )
    if not places:
        raise Unusable(f"{folder} holds no fixture: no {INPUT}, and no folder with one")
    return [_fixture(place) for place in places]


def _fixture(place: Path) -> Fixture:
    if not (place / INPUT).is_file():
        raise Unusable(f"{place} has no {INPUT}; put there the Bundle that is to be sent")
    claims = _json(place / CLAIMS) if (place / CLAIMS).is_file() else None
    if claims is not None and not _are_claims(claims.get("answers")):
        raise Unusable(
            f"{place / CLAIMS} has no list `answers` of objects with a `result`; fixtures/README.md of a checkout shows its shape"
        )
    golden = (place / GOLDEN).read_text(encoding="utf-8") if (place / GOLDEN).is_file() else None
    sent = (place / INPUT).read_bytes()
    _json(place / INPUT)
    return Fixture(name=place.name, folder=place, sent=sent, claims=claims, golden=golden)


def _are_claims(answers: object) -> bool:
    return isinstance(answers, list) and all(isinstance(one, dict) and isinstance(one.get("result"), str) for one in answers)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise Unusable(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise Unusable(f"{path} holds no JSON object")
    return content


# The service


def _in_process(settings: Settings) -> Ask:
    """This adapter itself, with the settings of the site."""
    books = load(extra=settings.mappings, canonical=settings.canonical)

    def ask(sent: bytes) -> bytes:
        request = pipeline.Request(
            schemes=settings.schemes,
            trusted=settings.trusted,
            issued=datetime.now(UTC),
            prognostic_tables=settings.prognostic_tables,
            max_entries=settings.max_entries,
        )
        return pipeline.interpret([sent], books, request).bundle

    return ask


def _over_http(args: argparse.Namespace, settings: Settings) -> Ask:
    """A service at an address; a token comes from a file, never from the command line, where others could read it."""
    try:
        token = Path(args.token_file).read_text(encoding="utf-8").strip() if args.token_file else ""
    except OSError as error:
        raise Unusable(f"the token file {args.token_file} cannot be read: {error.strerror}") from error
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        server = FhirServer(args.url, ca=str(settings.fhir_ca) if settings.fhir_ca else None)
    except (Trouble, ValueError) as error:
        raise Unusable(f"--url cannot be used: {error}") from error
    return lambda sent: server.ask("operation", "POST", "$interpret-breast-cancer", body=sent, headers=headers).content


# The trial


def tried(fixture: Fixture, ask: Ask, *, accept: bool = False) -> Outcome:
    """How one fixture goes."""
    try:
        answer: Resource = decode(ask(fixture.sent))
    except (Refusal, Trouble, msgspec.DecodeError) as error:
        return Outcome(name=fixture.name, state="failed", faults=(f"no answer: {error}",))
    if not isinstance(answer, dict) or answer.get("resourceType") != "Bundle":
        return Outcome(name=fixture.name, state="failed", faults=("the answer is no Bundle",))
    faults = tuple(broken_claims(fixture.claims, _named(answer, fixture.sent))) if fixture.claims is not None else ()
    said = lasting(answer)
    if accept and not faults:
        return _accepted(fixture, said)
    difference = () if fixture.golden in (None, said) else tuple(_difference(str(fixture.golden), said))
    if fixture.claims is None and fixture.golden is None:
        faults = (f"nothing is expected: write claims into {CLAIMS}, or record the answer as {GOLDEN} with --accept",)
    return Outcome(name=fixture.name, state="failed" if faults or difference else "passed", faults=faults, difference=difference)


def _accepted(fixture: Fixture, said: str) -> Outcome:
    """The golden file as the answer is now, unless it says so already."""
    if fixture.golden == said:
        return Outcome(name=fixture.name, state="passed")
    (fixture.folder / GOLDEN).write_text(said, encoding="utf-8")
    return Outcome(name=fixture.name, state="accepted", difference=tuple(_difference(fixture.golden or "", said)) if fixture.golden else ())


def _named(answer: Resource, sent: bytes) -> Resource:
    """The answer with `Type/id` where the sender named a resource by a urn:uuid, so that claims can be read."""
    text = encode(answer).decode()
    for entry in json.loads(sent).get("entry", ()):
        resource, url = entry.get("resource", {}), entry.get("fullUrl", "")
        if resource.get("id") and url.startswith("urn:"):
            text = text.replace(f'"{url}"', f'"{resource["resourceType"]}/{resource["id"]}"')
    named: Resource = decode(text.encode())
    return named


def lasting(answer: Resource) -> str:
    """The answer laid out, without what changes from run to run: moments, the edition of software and rules, and the Device they name."""
    devices = [entry for entry in answer.get("entry", ()) if entry.get("resource", {}).get("resourceType") == "Device"]
    names = {str(entry.get("fullUrl")): "urn:device" for entry in devices}
    for entry in devices:
        names |= {one["value"]: "edition" for one in (*entry["resource"].get("identifier", ()), *entry["resource"].get("version", ()))}
    return msgspec.json.format(encode(_without_edition(answer, names)), indent=1).decode() + "\n"


def _without_edition(node: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 - a FHIR resource is a tree of any JSON.
    if isinstance(node, dict):
        return {name: _without_edition(value, names) for name, value in node.items() if name not in _MOMENTS}
    if isinstance(node, list):
        return [_without_edition(value, names) for value in node]
    return _EDITION.sub("", names.get(node, node)) if isinstance(node, str) else node


def _difference(before: str, now: str) -> Iterator[str]:
    lines = unified_diff(before.splitlines(), now.splitlines(), GOLDEN, "answer", n=2, lineterm="")
    return (line for line in lines if line)


# The report


def table(outcomes: list[Outcome], *, whole: bool = False) -> str:
    """One line a fixture, under it what is wrong with it, and the sum at the end."""
    widest = max(len(one.name) for one in outcomes)
    lines = []
    for one in outcomes:
        lines.append(f"{one.name:<{widest}}  {one.state}")
        lines += [f"    {fault}" for fault in one.faults]
        shown = one.difference if whole else one.difference[:_DIFF_LINES]
        lines += [f"    {line}" for line in shown]
        lines += [f"    ... {len(one.difference) - len(shown)} lines more; --full shows them"] if len(shown) < len(one.difference) else []
    count = {state: sum(one.state == state for one in outcomes) for state in ("passed", "failed", "accepted")}
    told = ", ".join(f"{number} {state}" for state, number in count.items() if number or state != "accepted")
    return "\n".join([*lines, f"{len(outcomes)} fixtures: {told}."]) + "\n"


def _report(args: argparse.Namespace, outcomes: list[Outcome]) -> None:
    """The same for a machine, where it was asked for."""
    if args.json:
        failed = sum(not one.is_good for one in outcomes)
        content = {"fixtures": len(outcomes), "failed": failed, "outcomes": [one.model_dump(mode="json") for one in outcomes]}
        _put(args.json, json.dumps(content, indent=1) + "\n")
    if args.junit:
        _put(args.junit, junit(outcomes))


def junit(outcomes: list[Outcome]) -> str:
    """The form that build servers read: one test case for each fixture."""
    failed = str(sum(not one.is_good for one in outcomes))
    suite = Element("testsuite", name="onco-adapter conform", tests=str(len(outcomes)), failures=failed, errors="0", skipped="0")
    for one in outcomes:
        case = SubElement(suite, "testcase", classname="conform", name=one.name)
        if not one.is_good:
            why = one.faults[0] if one.faults else f"the answer differs from {GOLDEN}"
            SubElement(case, "failure", message=_printable(why)).text = _printable("\n".join((*one.faults, *one.difference)))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _printable(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)


def _put(where: str, content: str) -> None:
    if where == "-":
        sys.stdout.write(content)
        return
    try:
        Path(where).write_text(content, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{where} cannot be written: {error.strerror}") from error


def _progress(text: str) -> None:
    """One line that is written over, and only where a person looks on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text[:100]}")
        sys.stderr.flush()
