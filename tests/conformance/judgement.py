"""What did the validator say of what we emit, of planted faults, and of what HL7 judged? Asked once, for tests and figures."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from adapter.app import create_app
from adapter.fhir.client import encode
from adapter.fhir.outgoing import decode
from adapter.knowledge.loader import load
from adapter.settings import Settings
from tests.conformance.emitted import Emitted, definitions, everything, result
from tests.conformance.planted import FAULTS, OWN_FAULTS, OWN_SCENARIO, RIGHT, Planted, spoiled
from tests.peers.running import ROOT
from tests.peers.validating import BUILT, MCODE, Message, Validator, validator

# Left beside the checkout by whoever has it; the verdicts of the mCODE examples do not need it.
OUTCOMES = ROOT.parent / "shared" / "fhir-defs" / "fhir-test-cases-r4-selection"
_DEFINITIONS = ("CodeSystem", "ValueSet", "StructureDefinition")

Verdicts = dict[str, list[Message]]


class Known(NamedTuple):
    """One message that may stay, and why."""

    id: str
    text: str
    reason: str

    def is_about(self, message: Message) -> bool:
        """Whether this entry speaks of a message."""
        return self.id == (message.id or "") and re.search(self.text, message.text) is not None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every verdict by the name of what was judged."""

    emitted: Verdicts
    resources: int
    right: Verdicts
    faults: list[tuple[Planted, list[Message]]]
    own_faults: Verdicts
    examples: Verdicts
    outcomes: dict[str, tuple[bool, bool]]


def judged() -> Judgement:
    """Everything, in one process of the validator."""
    books = load()
    emitted = list(everything(books))
    with validator(_ours()) as asked:
        right = {name: asked.judge(name, resource) for name, resource in RIGHT.items()}
        return Judgement(
            emitted=_verdicts(asked, emitted),
            resources=sum(_resources_in(json.loads(body)) for _, body in emitted),
            right=right,
            faults=[(fault, _new(asked.judge(fault.name, spoiled(fault)), right[fault.base])) for fault in FAULTS],
            own_faults=_verdicts(asked, _own_faults(result(OWN_SCENARIO, books))),
            examples=_verdicts(asked, ((path.stem, path.read_bytes()) for path in sorted((MCODE / "example").glob("*.json")))),
            outcomes=_outcomes(asked),
        )


def _ours() -> Path:
    """A folder with our own definitions, so that our codes and extensions are judged too."""
    folder = BUILT / "ours"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, resource in definitions(create_app(Settings(auth="none")).test_client()):
        if json.loads(resource)["resourceType"] in _DEFINITIONS:
            (folder / f"{name.replace('/', '-')}.json").write_bytes(resource)
    return folder


def _resources_in(body: dict[str, Any]) -> int:
    """A body that is a Bundle holds one resource for each entry; any other is one."""
    return 1 + sum("resource" in entry for entry in body.get("entry", ()))


def _verdicts(asked: Validator, resources: Iterable[Emitted]) -> Verdicts:
    return {name: asked.judge(name, resource) for name, resource in resources}


def _own_faults(bundle: bytes) -> Iterator[Emitted]:
    """A result Bundle of ours with one fault in it, for each fault."""
    for name, spoil in OWN_FAULTS.items():
        content = decode(bundle)
        spoil(content)
        yield name, encode(content)


def _new(said: list[Message], before: list[Message]) -> list[Message]:
    """What was not said of the resource without the fault."""
    known = {(one.severity, one.id, plain(one.text)) for one in before}
    return [one for one in said if (one.severity, one.id, plain(one.text)) not in known]


def _outcomes(asked: Validator) -> dict[str, tuple[bool, bool]]:
    """For each of HL7's test cases that are beside the checkout: whether HL7's validator finds an error, and whether this one does."""
    if not OUTCOMES.is_dir():
        return {}
    found: dict[str, tuple[bool, bool]] = {}
    for case in json.loads((OUTCOMES / "manifest.json").read_text(encoding="utf-8")):
        content = (OUTCOMES / "in" / f"{case['name']}.json").read_bytes()
        found[case["name"]] = (bool(case["java_has_error"]), bool(errors(asked.judge(case["name"], content))))
    return found


def plain(text: str) -> str:
    """A message without the address that Java gives an object."""
    return re.sub(r"@[0-9a-f]{5,8}\b", "", text)


def errors(messages: Iterable[Message]) -> list[Message]:
    """The messages that make a resource invalid."""
    return [one for one in messages if one.is_error]


def listed(kind: str) -> list[Known]:
    """The messages of one kind that may stay."""
    return [Known(**one) for one in _book()[kind]]


def differences() -> dict[str, str]:
    """The test cases of HL7 on which the verdicts differ, with the reason."""
    return {one["name"]: one["reason"] for one in _book()["outcome"]}


def _book() -> dict[str, list[dict[str, str]]]:
    return tomllib.loads((Path(__file__).parent / "known.toml").read_text(encoding="utf-8"))


def unlisted(verdicts: Verdicts, known: Iterable[Known], severity: tuple[str, ...]) -> list[str]:
    """Each message of this severity that no entry speaks of."""
    entries = list(known)
    return [
        f"{name}: {one.severity} {one.id} at {one.where}: {one.text}"
        for name, messages in verdicts.items()
        for one in messages
        if one.severity in severity and not any(entry.is_about(one) for entry in entries)
    ]


def stale(verdicts: Verdicts, known: Iterable[Known], severity: tuple[str, ...]) -> list[str]:
    """Each entry that speaks of no message any more."""
    said = [one for messages in verdicts.values() for one in messages if one.severity in severity]
    return [entry.text for entry in known if not any(entry.is_about(one) for one in said)]
