"""Does the estrogen receptor of a lesion bind FES, and do lesions differ (SNMMI/EANM 2024; label; Jacene 2024)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.uptake import Scan
from adapter.facts.vocabulary import Kind, Result
from adapter.rules.answering import determined, flagged, undetermined, value_of
from adapter.rules.operators import Chosen
from adapter.rules.scans import Pictures, days_between, facts_of
from adapter.rules.tracer_uptake import sign_of

_DAYS_A_WEEK = 7
_POSITIVE, _NEGATIVE = "positive", "negative"
Signs = tuple[str | None, str | None]


def with_blocking_drugs(answer: Answer, scan: Scan, case: Case, chosen: Chosen) -> Answer:
    """A FES answer in the light of drugs that bind the receptor: a negative one is worth nothing while they do."""
    if answer.about.result is not Result.FES_UPTAKE or value_of(answer) is None:
        return answer
    sent = case.about("estrogen-receptor-blocker")
    if not sent:
        return flagged(answer, ["blocking-drugs-not-checked"])
    blocking = [fact for fact in sent if _blocks(fact, scan, chosen)]
    if not blocking:
        return answer.but(used=(*answer.used, *sent))
    used = [*answer.used, *blocking]
    if value_of(answer) == _POSITIVE:
        return flagged(answer.but(used=tuple(used)), ["receptor-blocked"])
    rule, names = chosen.rule("fes-blocking-drugs"), ", ".join(f"{fact.value} on {fact.taken_on}" for fact in blocking)
    because = f"a drug that blocks the receptor was taken shortly before the scan of {scan.day} ({names}): no uptake says nothing"
    closed = undetermined(answer.about, rule, Kind.NOT_ASSESSABLE, because, used, [*answer.flags, "receptor-blocked"])
    return closed.but(lesion=answer.lesion)


def _blocks(fact: Fact, scan: Scan, chosen: Chosen) -> bool:
    """True when the drug was last taken within its weeks before the scan; a drug without a full date may have been."""
    days = days_between(fact.taken_on, scan.day)
    weeks = chosen.rule("fes-blocking-drugs").numbers.get(fact.value or "")
    return weeks is not None and (days is None or 0 <= days <= weeks * _DAYS_A_WEEK)


def heterogeneity_answers(pictures: Pictures, answers: Sequence[Answer], chosen: Chosen) -> list[Answer]:
    """Whether lesions differ between the newest FES scan and the FDG scan nearest to it; empty without both."""
    rule = chosen.rule("er-heterogeneity")
    second = _newest(pictures, rule.words["second"][0])
    first = _nearest(pictures, rule.words["first"][0], second)
    if first is None or second is None:
        return []
    found = {answer.about.lesion: answer for answer in answers if answer.about.scan == second.key}
    signs = _signs(first, second, pictures, found, chosen)
    if not signs:
        return []
    return [
        _heterogeneity(About(result=Result.ER_HETEROGENEITY, tracer=second.tracer, scan=second.key), first, second, signs, pictures, chosen)
    ]


def _newest(pictures: Pictures, tracer: str) -> Scan | None:
    mine = [scan for scan in pictures.images.scans if scan.tracer == tracer and days_between(scan.day, scan.day) is not None]
    return max(mine, key=lambda scan: scan.day or "", default=None)


def _nearest(pictures: Pictures, tracer: str, other: Scan | None) -> Scan | None:
    if other is None:
        return None
    mine = [
        (abs(days), scan)
        for scan in pictures.images.scans
        if scan.tracer == tracer and (days := days_between(other.day, scan.day)) is not None
    ]
    return min(mine, key=lambda pair: pair[0])[1] if mine else None


def _signs(first: Scan, second: Scan, pictures: Pictures, found: Mapping[str | None, Answer], chosen: Chosen) -> dict[str, Signs]:
    """For each lesion, FDG and FES: positive, negative or not known; lesions where FES can never be judged are left out."""
    excluded = chosen.rule("fes-uptake").words["excluded_sites"]
    keys = dict.fromkeys(one.lesion for one in (*pictures.on(first), *pictures.on(second)))
    judged = [key for key in keys if pictures.lesion(key).site not in excluded]
    return {key: (sign_of(pictures.on(first, key), None), sign_of(pictures.on(second, key), found.get(key))) for key in judged}


def _heterogeneity(about: About, first: Scan, second: Scan, signs: Mapping[str, Signs], pictures: Pictures, chosen: Chosen) -> Answer:
    rule = chosen.rule("er-heterogeneity")
    used = facts_of((first, second), (*pictures.on(first), *pictures.on(second)))
    counts = {name: sum(pair == wanted for pair in signs.values()) for name, wanted in _CELLS.items()}
    because = f"lesions on {first.day} (FDG) and {second.day} (FES): " + ", ".join(f"{name} {count}" for name, count in counts.items())
    lost, gained = counts["FDG+/FES-"] > 0, counts["FDG-/FES+"] > 0
    unknown = [key for key, pair in signs.items() if None in pair]
    value = _VALUES[lost, gained]
    if not unknown or (lost and gained):
        return determined(about, rule, value, because, used)
    possible = [_VALUES[a, b] for a, b in _VALUES if a >= lost and b >= gained and _could_be((a, b), (lost, gained), unknown, signs)]
    if possible == [value]:
        return determined(about, rule, value, because, used)
    names = ", ".join(pictures.lesion(key).name for key in unknown)
    missing = [f"for {names}: whether FDG and FES are positive (interpretation POS or NEG), or that a scan did not cover it"]
    return undetermined(about, rule, Kind.INDETERMINATE, f"{because}; not known for {names}", used, missing=missing, possible=possible)


_CELLS: dict[str, Signs] = {
    "FDG+/FES+": (_POSITIVE, _POSITIVE),
    "FDG+/FES-": (_POSITIVE, _NEGATIVE),
    "FDG-/FES+": (_NEGATIVE, _POSITIVE),
    "FDG-/FES-": (_NEGATIVE, _NEGATIVE),
}
_VALUES = {
    (False, False): "none",
    (True, False): "fes-negative-disease",
    (False, True): "fdg-negative-disease",
    (True, True): "both-ways",
}


def _could_be(wanted: tuple[bool, bool], now: tuple[bool, bool], unknown: Sequence[str], signs: Mapping[str, Signs]) -> bool:
    """True when the open lesions can add what is wanted beyond what is known now."""
    losing = [key for key in unknown if signs[key][0] != _NEGATIVE and signs[key][1] != _POSITIVE]
    gaining = [key for key in unknown if signs[key][0] != _POSITIVE and signs[key][1] != _NEGATIVE]
    need_loss, need_gain = wanted[0] and not now[0], wanted[1] and not now[1]
    if need_loss and need_gain:
        return any(one != other for one in losing for other in gaining)
    return not (need_loss and not losing) and not (need_gain and not gaining)
