"""Does a result Bundle say what somebody claims of it? Claims are made by hand and read from FHIR alone, so any service can be asked.

A claim names the result it is about (`result`, and `specimen`, `basis`, `lesion`, `scan`, `gene`, ... where several are of one kind) and
what that result says (`value` or `kind`, `flags`, `missing`, `possible`, ...). What a claim leaves out may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Resource = dict[str, Any]
Claim = Mapping[str, Any]

_RULE = re.compile(r" Rule: (\S+?)[,.] ")
_WHICH = ("item", "case", "specimen", "basis", "scheme", "lesion", "scan", "measure", "gene", "origin")
_EXACT = ("value", "kind", "rule", "parts")
_SAME = ("possible", "unknown")
_AMONG = ("flags", "missing")
# Components of every kind of result; any other is a part of this one.
_NOT_PARTS = frozenset({"flag", "missing", "possible-value", "asserted", "context", "match"})
_KNOWN = frozenset({"result", *_WHICH, *_EXACT, *_SAME, *_AMONG, "used", "no_flags", "context"})


def broken_claims(expected: Mapping[str, Any], bundle: Resource) -> list[str]:
    """Every claim that the result Bundle does not keep, in words; an empty list where all hold."""
    found = [one for one in _of_type(bundle, "Observation") if _result(one)]
    sources = {what.get("reference") for one in _of_type(bundle, "Provenance") for what in (part["what"] for part in one.get("entity", ()))}
    faults = [fault for claim in expected.get("answers", ()) for fault in _unkept(claim, found, sources)]
    faults += [f"no issue is like {dict(claim)}" for claim in expected.get("issues", ()) if not _is_told(claim, bundle)]
    kinds = {_result(one) for one in found}
    faults += [f"{kind} was not claimed and is answered" for kind in sorted(kinds - {*expected.get("only", kinds)})]
    return faults + [f"{kind} must not be answered" for kind in sorted(kinds & {*expected.get("never", ())})]


def _of_type(bundle: Resource, kind: str) -> Iterator[Resource]:
    return (entry["resource"] for entry in bundle.get("entry", ()) if entry.get("resource", {}).get("resourceType") == kind)


def _unkept(claim: Claim, found: Iterable[Resource], sources: Iterable[str | None]) -> list[str]:
    """Why no result keeps a claim: none is meant, or each one that is meant says something else."""
    unknown = sorted(set(claim) - _KNOWN)
    if unknown or not {"value", "kind", "parts"} & set(claim):
        return [f"{dict(claim)} claims no value and no kind, or uses {', '.join(unknown)}, which nothing is known of"]
    everything = list(found)
    meant = [one for one in everything if _result(one) == claim["result"] and _is_meant(claim, one, everything)]
    differences = [_differences(claim, one, sources) for one in meant]
    if not meant:
        return [f"no result is meant by {_named(claim)}"]
    nearest: list[str] = min(differences, key=len)
    return [f"{_named(claim)}: {'; '.join(nearest)}"] if nearest else []


def _named(claim: Claim) -> str:
    return " ".join([str(claim["result"]), *(f"{name}={claim[name]}" for name in _WHICH if name in claim)])


def _is_meant(claim: Claim, one: Resource, everything: Iterable[Resource]) -> bool:
    return all(_fits(name, claim[name], one, everything) for name in _WHICH if name in claim)


def _fits(name: str, wanted: str | None, one: Resource, everything: Iterable[Resource]) -> bool:
    """Whether a result is the one that this part of a claim speaks of."""
    match name:
        case "case":
            return any(str(wanted) in reference for reference in _cases(one)) or len({_cases(other) for other in everything}) == 1
        case "specimen":
            return one.get("specimen", {}).get("reference") in (wanted, f"Specimen/{wanted}")
        case "lesion":
            lesions = [reference for reference in _focus(one) if "BodyStructure/" in reference]
            return any(reference.endswith(f"/{wanted}") for reference in lesions) if wanted else not lesions and "bodySite" not in one
        case "scheme":
            return wanted in _codes(one.get("method", {}), "scheme")
        case "gene" | "origin":
            return wanted in [part.get("valueCodeableConcept", {}).get("text") for part in _parts(one, name)]
        case "measure":
            return True
    # The heading of a result names the rest in words.
    text = str(one["code"].get("text", "")).lower()
    return str(wanted).replace("-", " ") in text.replace("-", " ") or wanted in _codes(one.get("valueCodeableConcept", {}), "answer")


def _differences(claim: Claim, one: Resource, sources: Iterable[str | None]) -> list[str]:
    says = _said(one)
    wrong = [name for name in _EXACT if name in claim and claim[name] != says[name]]
    wrong += [name for name in _SAME if name in claim and sorted(claim[name]) != sorted(says[name])]
    wrong += [name for name in _AMONG if name in claim and not set(claim[name]) <= set(says[name])]
    wrong += ["context"] if not all(any(words in text for text in says["context"]) for words in claim.get("context", ())) else []
    told = [f"expected {name} {claim[name]}, got {says[name]}" for name in wrong]
    told += [f"the flag {flag} must not be there" for flag in claim.get("no_flags", ()) if flag in says["flags"]]
    rests_on = {one for one in (*says["used"], *sources) if one}
    return told + [f"it does not rest on {source}" for source in claim.get("used", ()) if not _is_among(source, rests_on)]


def _is_among(source: str, references: Iterable[str]) -> bool:
    return any(reference.partition("/_history/")[0].endswith(source) for reference in references)


def _said(one: Resource) -> dict[str, Any]:
    """What a result says, in the words of a claim."""
    answered = [*_codes(one.get("valueCodeableConcept", {}), "answer"), *_words(one, "match")]
    quantity = one.get("valueQuantity", {}).get("value")
    rule = next((found[1] for note in one.get("note", ()) if (found := _RULE.search(note["text"]))), None)
    return {
        "value": next(iter(answered), None if quantity is None else f"{quantity}"),
        "kind": _absence(one),
        "rule": rule,
        "flags": _words(one, "flag"),
        "missing": _texts(one, "missing"),
        "possible": _words(one, "possible-value"),
        "unknown": _texts(one, "condition-unknown"),
        "context": _texts(one, "context"),
        "used": [source["reference"] for source in one.get("derivedFrom", ()) if "reference" in source],
        "parts": {name: word for name in _component_codes(one) if name not in _NOT_PARTS for word in _words(one, name)[:1]},
    }


def _absence(one: Resource) -> str | None:
    """Why there is no value: our code where there is one, else the code of R4."""
    reason = one.get("dataAbsentReason", {})
    ours, codings = _codes(reason, "absence"), reason.get("coding", ())
    return next(iter([*ours, *(coding["code"] for coding in codings)]), None)


def _result(one: Resource) -> str:
    return next(iter(_codes(one.get("code", {}), "result")), "")


def _codes(concept: Resource, system: str) -> list[str]:
    """The codes of one of our code systems, whatever the canonical base is that a site gave them."""
    return [coding["code"] for coding in concept.get("coding", ()) if str(coding.get("system", "")).endswith(f"/CodeSystem/{system}")]


def _component_codes(one: Resource) -> list[str]:
    return [code for part in one.get("component", ()) for code in _codes(part["code"], "component")]


def _parts(one: Resource, name: str) -> list[Resource]:
    return [part for part in one.get("component", ()) if name in _codes(part["code"], "component")]


def _words(one: Resource, name: str) -> list[str]:
    systems = ("answer", "flag")
    concepts = [part.get("valueCodeableConcept", {}) for part in _parts(one, name)]
    return [code for concept in concepts for system in systems for code in _codes(concept, system)]


def _texts(one: Resource, name: str) -> list[str]:
    return [part["valueString"] for part in _parts(one, name) if "valueString" in part]


def _focus(one: Resource) -> tuple[str, ...]:
    return tuple(focus["reference"] for focus in one.get("focus", ()) if "reference" in focus)


def _cases(one: Resource) -> tuple[str, ...]:
    return tuple(reference for reference in _focus(one) if "BodyStructure/" not in reference)


def _is_told(claim: Claim, bundle: Resource) -> bool:
    """Whether an issue is the one that is claimed: by its code, by where it stands, and by some of its words."""
    return any(_is_like(claim, issue) for outcome in _of_type(bundle, "OperationOutcome") for issue in outcome["issue"])


def _is_like(claim: Claim, issue: Resource) -> bool:
    details = issue.get("details", {})
    where = str(issue.get("diagnostics", "")).partition("/_history/")[0]
    return (
        claim.get("code", "") in ("", *_codes(details, "issue"))
        and claim.get("reference", where) == where
        and claim.get("path", "") in ("", *issue.get("expression", ()))
        and claim.get("says", "") in details.get("text", "")
    )
