"""Putting an answer together: the value or the reason, with the rule, its source, what was used and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from adapter.facts.answers import About, Answer, Asserted, Determined, Undetermined
from adapter.facts.case import Fact
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Kind
from adapter.knowledge.shapes import Band, Hole, Row, Rule
from adapter.rules.operators import Open, bands_for, distinct, input_flags

# Words that say the same when a reported status is compared with ours: a low positive is a positive result.
_SAME = {"low-positive": "positive"}
# How the reason of an answer begins that only lacks inputs.
NOT_KNOWN = "not known: "


def determined(
    about: About, rule: Rule, value: str, because: str, used: Sequence[Fact], flags: Iterable[str] = (), *, row: Row | None = None
) -> Determined:
    """An answer with a value."""
    return Determined(
        about=about,
        rule=rule.id,
        source=row.source if row else rule.source,
        because=because,
        used=tuple(used),
        flags=distinct([*flags, *input_flags(used)]),
        value=value,
        row=row.id if row else None,
    )


def undetermined(
    about: About,
    rule: Rule,
    kind: Kind,
    because: str,
    used: Sequence[Fact] = (),
    flags: Iterable[str] = (),
    *,
    missing: Iterable[str] = (),
    possible: Iterable[str] = (),
) -> Undetermined:
    """An answer without a value: why, and what would settle it."""
    return Undetermined(
        about=about,
        rule=rule.id,
        source=rule.source,
        because=because,
        used=tuple(used),
        flags=distinct([*flags, *input_flags(used)]),
        kind=kind,
        missing=distinct(missing),
        possible=distinct(possible),
    )


def from_bands(about: About, rule: Rule, number: Interval, used: Sequence[Fact], unit: str = "", flags: Iterable[str] = ()) -> Answer:
    """What a cutoff says of a number, or which bands an interval leaves open."""
    bands = bands_for(rule, number)
    shown = f"{number}{unit}"
    if len({band.says for band in bands}) == 1:
        return determined(about, rule, bands[0].says, f"{shown} is {ends(bands, unit)}", used, [*flags, *_common_flags(bands)])
    because = f"{shown} reaches into more than one band ({', '.join(distinct(band.says for band in bands))})"
    return undetermined(
        about, rule, Kind.INDETERMINATE, because, used, flags, missing=["the exact value"], possible=[band.says for band in bands]
    )


def _common_flags(bands: Sequence[Band]) -> list[str]:
    """The flags that hold wherever in these bands the value lies."""
    return [flag for flag in bands[0].flags if all(flag in band.flags for band in bands)]


def ends(bands: Sequence[Band], unit: str) -> str:
    """The stretch of the bands in the words of the rule."""
    first, last = bands[0], bands[-1]
    words = []
    if first.at_least is not None:
        words.append(f"at least {first.at_least}{unit}")
    if first.above is not None:
        words.append(f"above {first.above}{unit}")
    if last.below is not None:
        words.append(f"below {last.below}{unit}")
    if last.up_to is not None:
        words.append(f"up to {last.up_to}{unit}")
    return " and ".join(words) or "any value"


Labels = Mapping[str, Sequence[str]]


def from_cell(
    about: About,
    rule: Rule,
    cell: Row | Hole | Open,
    because: str,
    used: Sequence[Fact],
    flags: Iterable[str] = (),
    labels: Labels | None = None,
) -> Answer:
    """What a table look-up says; `labels` puts each missing input into words for what to send."""
    match cell:
        case Row(kind=None):
            return determined(about, rule, cell.says, because, used, [*flags, *cell.flags], row=cell)
        case Row():
            return undetermined(
                about, rule, cell.kind or Kind.INDETERMINATE, cell.because, used, [*flags, *cell.flags], missing=cell.missing
            )
        case Hole():
            return undetermined(about, rule, cell.kind, cell.because, used, [*flags, *cell.flags], missing=cell.missing)
        case Open():
            missing = distinct(word for name in cell.missing for word in (labels or {}).get(name, (name,)))
            return undetermined(
                about,
                rule,
                Kind.INDETERMINATE,
                f"{NOT_KNOWN}{', '.join(missing)}",
                used,
                flags,
                missing=missing,
                possible=cell.possible,
            )


def conflicting(about: About, rule: Rule, used: Sequence[Fact]) -> Undetermined:
    """Results of one specimen that contradict each other settle nothing."""
    shown = " and ".join(distinct(fact.shown for fact in used))
    because = f"results for {used[0].word} contradict each other ({shown})"
    missing = [f"the {used[0].word} result that counts (mark the other as amended or entered-in-error)"]
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, ["conflicting-results"], missing=missing)


def with_asserted(answer: Answer, facts: Iterable[Fact]) -> Answer:
    """The answer beside what the sender states, flagged where they differ."""
    stated = tuple(Asserted(value=fact.value, fact=fact) for fact in facts if fact.value is not None)
    if not stated:
        return answer
    differs = any(not _agrees(one.value, answer) for one in stated)
    flags = distinct([*answer.flags, "asserted-vs-computed"]) if differs else answer.flags
    return answer.but(asserted=stated, flags=flags)


def _agrees(stated: str, answer: Answer) -> bool:
    """True when the stated value is ours, or is one that an open answer still allows."""
    if isinstance(answer, Determined):
        return _same(stated) == _same(answer.value) or _holds(stated, answer.value)
    return not answer.possible or any(_same(stated) == _same(value) or _holds(stated, value) for value in answer.possible)


def _holds(stated: str, ours: str) -> bool:
    """True for a stage stated without its letter that ours subdivides: II holds IIA."""
    return bool(stated.strip("IV") == "" and stated and ours.rstrip("ABC") == stated)


def _same(value: str | None) -> str | None:
    return _SAME.get(value or "", value)


def flagged(answer: Answer, flags: Iterable[str]) -> Answer:
    """The answer with more flags."""
    return answer.but(flags=distinct([*answer.flags, *flags]))


def value_of(answer: Answer | None) -> str | None:
    """The value of an answer, or None when it has none."""
    return answer.value if isinstance(answer, Determined) else None


def receptor_sign(answer: Answer | None) -> str | None:
    """Positive or negative for the rules that need no more; a low positive is positive, and so is what can only be positive."""
    if isinstance(answer, Determined):
        return _SAME.get(answer.value, answer.value) if answer.value in ("positive", "low-positive", "negative") else None
    if answer is not None and answer.possible and all(_same(value) == "positive" for value in answer.possible):
        return "positive"
    return None
