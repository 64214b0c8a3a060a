"""The figures of a run of the validator, for a person: `python -m tests.conformance.figures`, or `make conformance`."""

from __future__ import annotations

import sys
from collections import Counter

from tests.conformance.judgement import Judgement, differences, errors, judged, listed, unlisted

SHOWN = 20


def printed(judgement: Judgement) -> str:
    """What was judged, what was found, and how far the validator can be trusted."""
    return "\n".join([*_emitted(judgement), *_calibration(judgement), *_outcomes(judgement)]) + "\n"


def _emitted(judgement: Judgement) -> list[str]:
    said = [one for messages in judgement.emitted.values() for one in messages]
    count = Counter("errors" if one.is_error else f"{one.severity}s" for one in said)
    kinds = Counter(name.partition("/")[0] for name in judgement.emitted)
    where = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    unknown = unlisted(judgement.emitted, listed("warning"), ("warning",))
    return [
        f"Emitted: {len(judgement.emitted)} bodies ({where}) with {judgement.resources} resources in them:",
        f"  {count['errors']} errors, {count['warnings']} warnings, all but {len(unknown)} listed with a reason.",
        *(f"  ERROR {name}: {one.text} ({one.where})" for name, messages in judgement.emitted.items() for one in errors(messages)),
        *(f"  NOT LISTED {one}" for one in unknown[:SHOWN]),
    ]


def _calibration(judgement: Judgement) -> list[str]:
    wanted = [fault for fault, _ in judgement.faults if fault.is_error]
    found = [fault for fault, said in judgement.faults if fault.is_error and errors(said)]
    warned = [fault.name for fault, said in judgement.faults if not fault.is_error and said and not errors(said)]
    layers = Counter(fault.layer for fault in found)
    by_layer = ", ".join(f"{number} {layer}" for layer, number in layers.items())
    clean = [name for name, messages in judgement.examples.items() if not errors(messages)]
    odd = {one.partition(":")[0] for one in unlisted(judgement.examples, listed("example"), ("error", "fatal"))}
    return [
        f"Planted faults: {len(found)} of {len(wanted)} found as errors ({by_layer}); as warnings, as expected: {', '.join(warned)};",
        f"  {sum(bool(errors(messages)) for messages in judgement.right.values())} false alarms on {len(judgement.right)} right resources;",
        f"  {sum(bool(errors(said)) for said in judgement.own_faults.values())} of {len(judgement.own_faults)} found in results of ours.",
        f"mCODE's examples, all valid by HL7: {len(judgement.examples)} judged, {len(clean)} without an error,",
        f"  {len(judgement.examples) - len(clean) - len(odd)} with errors whose reason is listed, {len(odd)} with others.",
    ]


def _outcomes(judgement: Judgement) -> list[str]:
    agreed = sum(theirs == ours for theirs, ours in judgement.outcomes.values())
    if not judgement.outcomes:
        return ["HL7's test cases: not beside this checkout, so not judged."]
    return [f"HL7's test cases: the same verdict on {agreed} of {len(judgement.outcomes)}; {len(differences())} differences are listed."]


if __name__ == "__main__":
    judgement = judged()
    sys.stdout.write(printed(judgement))
    sys.exit(1 if any(errors(messages) for messages in judgement.emitted.values()) else 0)
