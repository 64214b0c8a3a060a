"""Did total lesion glycolysis (SUV times volume, over all lesions) rise far enough to be progression by PERCIST?"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from adapter.facts.answers import Answer
from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Presence, Uptake
from adapter.rules.answering import determined, flagged
from adapter.rules.operators import BOUNDARY, Chosen, bands_for, is_edge
from adapter.rules.scans import in_print, percent_change, plain

_NONE = Decimal(0)


def with_glycolysis(answer: Answer, first: Sequence[Uptake], second: Sequence[Uptake], has_fallen: bool, chosen: Chosen) -> Answer:
    """The answer, or progression where glycolysis rose while the uptake did not fall (`has_fallen`); silence changes nothing."""
    rule = chosen.rule("percist-glycolysis-change")
    before, after = _total(first, second), _total(second, first)
    percent = percent_change(before, after) if before is not None and after is not None else None
    if before is None or after is None or percent is None:
        return flagged(answer, ["glycolysis-incomplete"] if _is_partly_known([*first, *second]) else [])
    shown = f"total lesion glycolysis {_shown(before)} and {_shown(after)} g: {in_print(percent)} %"
    told = answer.but(context=(*answer.context, f"{shown[0].upper()}{shown[1:]}"))
    edge = [BOUNDARY] if is_edge(rule, percent) else []
    if bands_for(rule, percent)[0].says != "rise":
        return flagged(told, edge)
    if has_fallen:
        return flagged(told, ["glycolysis-rose-uptake-fell"])
    return determined(answer.about, rule, rule.words["means"][0], f"{shown}; {answer.because}", answer.used, answer.flags)


def _total(mine: Sequence[Uptake], other: Sequence[Uptake]) -> Interval | None:
    """The sum over every lesion of both scans as this one shows it; None when one of them has no exact value."""
    values = [_of_lesion(lesion, mine) for lesion in dict.fromkeys(one.lesion for one in (*mine, *other))]
    known = [value for value in values if value is not None]
    return exactly(sum(known, _NONE)) if known and len(known) == len(values) else None


def _of_lesion(lesion: str, uptakes: Sequence[Uptake]) -> Decimal | None:
    """What was sent for this lesion; a lesion that is gone has none left."""
    mine = [one for one in uptakes if one.lesion == lesion]
    if any(one.presence is Presence.RESOLVED for one in mine):
        return _NONE
    return next((one.glycolysis_g.exact for one in mine if one.glycolysis_g is not None), None)


def _is_partly_known(uptakes: Sequence[Uptake]) -> bool:
    return any(one.glycolysis_g is not None for one in uptakes)


def _shown(total: Interval) -> str:
    return f"{plain(total.exact or _NONE):f}"
