"""Does the estrogen receptor of a lesion bind FES, and do lesions differ (SNMMI/EANM 2024; label; Jacene 2024)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.uptake import Scan
from adapter.facts.vocabulary import Kind, Result
from adapter.rules.answering import determined, flagged, undetermined, value_of
from adapter.rules.operators import Chosen
from adapter.rules.scans import Pictures, days_between, facts_of, span_of
from adapter.rules.tracer_uptake import sign_of

_DAYS_A_WEEK = 7
_POSITIVE, _NEGATIVE = "positive", "negative"
Signs = tuple[str | None, str | None]


class _Days(NamedTuple):
    """The dates between which something began or ended; a day that was not sent, or a year, holds many."""

    first: date
    last: date


def with_blocking_drugs(answer: Answer, scan: Scan, case: Case, chosen: Chosen) -> Answer:
    """A FES answer in the light of drugs that bind the receptor: a negative one is worth nothing while they do."""
    if answer.about.result is not Result.FES_UPTAKE or value_of(answer) is None:
        return answer
    # A drug that began after the scan does not say what was taken before it.
    sent = [fact for fact in case.about("estrogen-receptor-blocker") if not _began_after(fact, scan)]
    if not sent:
        return flagged(answer, ["blocking-drugs-not-checked"])
    blocking = [fact for fact in sent if _may_block(fact, scan, chosen)]
    if not blocking:
        return answer.but(used=(*answer.used, *sent))
    used = [*answer.used, *blocking]
    if value_of(answer) == _POSITIVE:
        return flagged(answer.but(used=tuple(used)), ["receptor-blocked"])
    return _blocked(answer, scan, blocking, used, chosen)


def _blocked(answer: Answer, scan: Scan, blocking: Sequence[Fact], used: Sequence[Fact], chosen: Chosen) -> Answer:
    """The answer to a lesion without uptake while the receptor is hidden, or may be."""
    names, is_sure = ", ".join(map(_in_words, blocking)), any(_surely_blocks(fact, scan, chosen) for fact in blocking)
    taken = "was taken" if is_sure else "may have been taken"
    because = f"a drug that blocks the receptor {taken} shortly before the scan of {scan.day} ({names}): no uptake says nothing"
    missing = [] if is_sure else ["the first and the last day of that drug"]
    flags = [*answer.flags, "receptor-blocked"]
    rule = chosen.rule("fes-blocking-drugs")
    return undetermined(answer.about, rule, Kind.NOT_ASSESSABLE, because, used, flags, missing=missing).but(lesion=answer.lesion)


def _in_words(drug: Fact) -> str:
    """The kind of drug with the days on which it was taken, as far as they were sent."""
    first, last = drug.began_on, drug.taken_on
    if last is None:
        return f"{drug.value} since {first}" if first else f"{drug.value}, no day sent"
    return f"{drug.value} on {last}" if first in (None, last) else f"{drug.value} from {first} to {last}"


def _began_after(drug: Fact, scan: Scan) -> bool:
    """True for a drug that was surely begun after the day of the scan."""
    return scan.day is not None and _beginning(drug).first > span_of(scan.day)[1]


def _may_block(drug: Fact, scan: Scan, chosen: Chosen) -> bool:
    """True unless the drug has no weeks in which it blocks, or surely ended longer before the scan than that."""
    weeks = chosen.rule("fes-blocking-drugs").numbers.get(drug.value or "")
    if weeks is None or scan.day is None:
        return weeks is not None
    return (span_of(scan.day)[0] - _end(drug).last).days <= weeks * _DAYS_A_WEEK


def _surely_blocks(drug: Fact, scan: Scan, chosen: Chosen) -> bool:
    """True when the drug was begun by the day of the scan and taken within its weeks, whichever dates its days mean."""
    if scan.day is None or (drug.began_on is None and drug.taken_on is None):
        return False
    earliest, latest = span_of(scan.day)
    weeks = chosen.rule("fes-blocking-drugs").numbers[drug.value or ""]
    return _beginning(drug).last <= earliest and (latest - _end(drug).first).days <= weeks * _DAYS_A_WEEK


def _beginning(drug: Fact) -> _Days:
    """When the drug was begun: on its last day at the latest."""
    first, last = span_of(drug.began_on) if drug.began_on else (date.min, date.max)
    return _Days(first, min(last, _end(drug).last))


def _end(drug: Fact) -> _Days:
    """When the drug was taken last; one without a last day is still taken."""
    return _Days(*span_of(drug.taken_on)) if drug.taken_on else _Days(date.max, date.max)


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
