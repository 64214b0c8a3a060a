"""Does a lesion take up the tracer? Cut-offs of the tracer's own folder, else the reader's call (FES; 89Zr antibodies against HER2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from adapter.facts.answers import About, Answer, Asserted
from adapter.facts.case import Fact
from adapter.facts.uptake import Lesion, Presence, Scan, Uptake
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Rule, Topic
from adapter.rules.answering import determined, flagged, from_bands, undetermined, value_of
from adapter.rules.operators import BOUNDARY, Chosen, bands_for, is_below, is_edge
from adapter.rules.scans import Pictures, facts_of, suited

_POSITIVE, _NEGATIVE = "positive", "negative"
UPTAKE_RESULTS = (Result.FES_UPTAKE, Result.HER2_PET_UPTAKE)


class Book(NamedTuple):
    """What the folder of a tracer says about uptake: a cut-off with its result, or only that the reader's call is passed on."""

    topic: Topic
    result: Result
    cutoff: Rule | None
    reported: Rule | None

    @property
    def rule(self) -> Rule:
        """The rule that an open answer names."""
        rule = self.cutoff or self.reported
        assert rule is not None
        return rule


def book_of(tracer: str | None, chosen: Chosen) -> Book | None:
    """The rules on uptake of this tracer, or None when its folder has none."""
    topic = chosen.books.tracer_topic(tracer)
    if topic is None:
        return None
    for result in UPTAKE_RESULTS:
        mine = [rule for rule in topic.rules if rule.result is result]
        cutoff = next((rule for rule in mine if rule.operator == "cutoff"), None)
        reported = next((rule for rule in mine if rule.operator == "function"), None)
        if mine:
            return Book(topic, result, cutoff, reported)
    return None


def uptake_answers(scan: Scan, pictures: Pictures, chosen: Chosen) -> list[Answer]:
    """Whether each lesion of this scan takes up the tracer; empty when the tracer's folder has no rule on uptake."""
    book = book_of(scan.tracer, chosen)
    if book is None:
        return []
    lesions = list(dict.fromkeys(one.lesion for one in pictures.on(scan)))
    return [_of_lesion(pictures.lesion(key), scan, pictures.on(scan, key), book) for key in lesions]


def _of_lesion(lesion: Lesion, scan: Scan, uptakes: Sequence[Uptake], book: Book) -> Answer:
    about = About(result=book.result, tracer=scan.tracer, lesion=lesion.key, scan=scan.key)
    used = facts_of([scan], uptakes)
    value = next(iter(suited(uptakes, book.cutoff)), None) if book.cutoff else None
    if book.cutoff is not None and lesion.site in book.cutoff.words.get("excluded_sites", ()):
        because = f"normal uptake in the {str(lesion.site).replace('-', ' ')} hides a lesion: the cut-off does not hold there"
        answer: Answer = undetermined(about, book.cutoff, Kind.NOT_ASSESSABLE, because, used)
    elif book.cutoff is not None and value is not None and value.value is not None:
        answer = from_bands(about, book.cutoff, value.value, used)
        answer = answer.but(because=f"{value.kind} of {lesion.name} {answer.because}")
        answer = flagged(_beside_reader(answer, uptakes), [BOUNDARY] if is_edge(book.cutoff, value.value) else [])
    else:
        answer = _by_reader(about, lesion, scan, uptakes, book)
    flags = [*_early(scan, book), *_small(uptakes, book)]
    return flagged(answer, flags).but(lesion=lesion)


def _by_reader(about: About, lesion: Lesion, scan: Scan, uptakes: Sequence[Uptake], book: Book) -> Answer:
    """The reader's own call, where no value of the right kind was sent or the source has no cut-off."""
    used = facts_of([scan], uptakes)
    value = _called(uptakes)
    if value is not None and book.reported is not None:
        return determined(about, book.reported, value, f"the reader calls {lesion.name} {value}", used, ["reader-call"])
    if any(one.presence is Presence.NOT_COVERED for one in uptakes):
        because = f"{lesion.name} was outside the field of view on {scan.day}"
        return undetermined(about, book.rule, Kind.INDETERMINATE, because, used, missing=[f"a scan that covers {lesion.name}"])
    sent = next((one for one in uptakes if one.value is not None), None)
    wanted = [*(["SUVmax by body weight"] if book.cutoff else []), "the reader's call (interpretation POS or NEG)"]
    missing = [f"{' or '.join(wanted)} of {lesion.name}"]
    if sent is None:
        because = f"no value and no call of {lesion.name} on {scan.day}"
        return undetermined(about, book.rule, Kind.INDETERMINATE, because, used, missing=missing)
    because = f"{sent.kind} cannot be judged" + ("" if book.cutoff else ": the source gives no cut-off")
    return undetermined(about, book.rule, Kind.NOT_ASSESSABLE, because, used, missing=missing)


def _beside_reader(answer: Answer, uptakes: Sequence[Uptake]) -> Answer:
    """The answer beside the reader's call, flagged where they differ."""
    called = [(_POSITIVE if one.avid else _NEGATIVE, one) for one in uptakes if one.avid is not None and one.facts]
    stated = tuple(Asserted(value=value, fact=_call_in(one.facts, value)) for value, one in called)
    differs = any(value != value_of(answer) for value, _ in called)
    return flagged(answer.but(asserted=stated), ["asserted-vs-computed"] if differs else [])


def _call_in(facts: Sequence[Fact], value: str) -> Fact:
    """The fact that states the call, else the first one about the lesion."""
    return next((fact for fact in facts if fact.value == value), facts[0])


def _early(scan: Scan, book: Book) -> list[str]:
    """The flag of a scan made earlier after injection than the tracer needs."""
    rules = [rule for rule in book.topic.rules if "uptake-time" in rule.words.get("checks", ())]
    if not rules or scan.uptake_minutes is None:
        return []
    bands = bands_for(rules[0], scan.uptake_minutes)
    return [flag for band in bands for flag in band.flags] if len(bands) == 1 else []


def _small(uptakes: Iterable[Uptake], book: Book) -> list[str]:
    """The flag of a lesion smaller than the tracer's source studied."""
    rules = [rule for rule in book.topic.rules if "lesion_mm" in rule.numbers]
    sizes = [one.size_mm for one in uptakes if one.size_mm is not None]
    return ["small-lesion"] if rules and any(is_below(size, rules[0].numbers["lesion_mm"]) for size in sizes) else []


def sign_of(uptakes: Sequence[Uptake], answer: Answer | None) -> str | None:
    """Positive or negative: the computed answer, else the reader's call, else what the scan states of the lesion."""
    if answer is not None and value_of(answer) is not None:
        return value_of(answer)
    if answer is not None and getattr(answer, "kind", None) is Kind.NOT_ASSESSABLE:
        return None
    return _called(uptakes)


def _called(uptakes: Iterable[Uptake]) -> str | None:
    """The reader's call, where there is one and nothing contradicts it; a resolved lesion is negative."""
    calls = {_POSITIVE if one.avid else _NEGATIVE for one in uptakes if one.avid is not None}
    calls |= {_NEGATIVE for one in uptakes if one.presence is Presence.RESOLVED}
    return calls.pop() if len(calls) == 1 else None
