"""Which published indications describe this patient? A match only where every condition is known; never a recommendation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from adapter.facts.answers import About, Answer, Determined, Part
from adapter.facts.case import Case
from adapter.facts.standing import Standing, Verdict
from adapter.facts.vocabulary import Circumstance, Result
from adapter.knowledge.indications import Hint, Wanted
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import determined, flagged
from adapter.rules.circumstances import facts_of
from adapter.rules.operators import BOUNDARY, Chosen, distinct
from adapter.rules.situation import Situation, Truth, holds, truth
from adapter.rules.tnm import months_later

_MATCHES, _POSSIBLE = "matches", "possible"
_HISTORY = ("prior-endocrine", "prior-chemotherapy", "prior-anti-her2", "prior-lines", "prior-systemic")


class _Judged(NamedTuple):
    """What a set of conditions comes to: whether it holds, and which of its conditions are known to, or are not known."""

    truth: Truth
    met: tuple[Circumstance, ...] = ()
    unknown: tuple[Circumstance, ...] = ()


def hint_answers(case: Case, situation: Situation, *, rests_on_er_low: bool, chosen: Chosen) -> list[Answer]:
    """One answer for each indication that matches or may match; where nothing is said of a condition, its answer is silent."""
    absent = _not_on_file(case)
    asked = [(rule, rule.hint) for rule in chosen.books.hints if rule.hint is not None and holds(situation, rule.hint.must)]
    found = [_answer(rule, hint, situation, chosen) for rule, hint in asked]
    return [_remarked(answer, absent, rests_on_er_low, chosen) for answer in found if answer is not None]


def standings(drugs: Collection[str], situation: Situation, chosen: Chosen) -> list[Standing]:
    """How each indication that is about one of these drugs stands, also where it is not met or nothing is known of it."""
    concerned = [(rule, rule.hint) for rule in chosen.books.hints if rule.hint is not None and not set(drugs).isdisjoint(rule.hint.drugs)]
    return [_standing(rule, hint, situation, chosen) for rule, hint in concerned]


def _standing(rule: Rule, hint: Hint, situation: Situation, chosen: Chosen) -> Standing:
    answer = _answer(rule, hint, situation, chosen) if holds(situation, hint.must) else None
    wanted = {**hint.must, **hint.also}
    either = _any(hint.either, situation)
    states = {name: truth(situation.get(name), words) for name, words in wanted.items()}
    unmet = [_unmet(name, wanted[name], situation, chosen) for name, state in states.items() if state is Truth.FAILS]
    unmet += [_none_of(hint.either, chosen)] if either.truth is Truth.FAILS else []
    unknown = distinct((*(name for name, state in states.items() if state is Truth.UNKNOWN), *either.unknown))
    told = {part.name: tuple(one.text for one in answer.parts if one.name == part.name) for part in answer.parts} if answer else {}
    return Standing(
        rule=rule.id,
        indication=hint.indication,
        source=rule.source,
        source_date=hint.source_date,
        drugs=hint.drugs,
        verdict=_verdict(answer, is_refuted=bool(unmet)),
        met=tuple(_met(name, situation) for name in distinct((*(n for n, state in states.items() if state is Truth.HOLDS), *either.met))),
        unmet=tuple(unmet),
        unknown=told.get("condition-unknown", ()) if answer else tuple(_label(name, chosen) for name in unknown),
        flags=answer.flags if answer else hint.flags,
    )


def _verdict(answer: Answer | None, *, is_refuted: bool) -> Verdict:
    if isinstance(answer, Determined):
        return Verdict(answer.value)
    return Verdict.NOT_MET if is_refuted else Verdict.OPEN


def _unmet(name: Circumstance, words: Sequence[str], situation: Situation, chosen: Chosen) -> str:
    """What is known of a condition that does not hold, and what the indication asks for."""
    known = " or ".join(situation[name].values)
    return f"{_label(name, chosen)}: {known}, the indication names {' or '.join(words)}".replace("-", " ")


def _none_of(sets: Iterable[Wanted], chosen: Chosen) -> str:
    """The alternatives of which one would have to hold."""
    shown = [" with ".join(f"{_label(name, chosen)} {' or '.join(words)}" for name, words in wanted.items()) for wanted in sets]
    return f"none of these holds: {'; '.join(shown)}".replace("-", " ")


def _not_on_file(case: Case) -> list[str]:
    """What decides with everything else and was not sent: earlier therapy, and the performance status (Jacene 2024, S82)."""
    history = any(one.kind == "systemic" for one in case.treatments) or case.about(*_HISTORY)
    return [
        *([] if history else ["prior-therapy-not-on-file"]),
        *([] if case.about("ecog-performance-status") else ["performance-status-not-on-file"]),
    ]


def _remarked(answer: Answer, absent: Sequence[str], rests_on_er_low: bool, chosen: Chosen) -> Answer:
    """The answer with what goes with it in metastatic disease, and where it rests on few cells with ER."""
    hint = chosen.rule(answer.rule).hint
    assert hint is not None
    metastatic = hint.kind == "therapy" and "metastatic" in hint.must.get(Circumstance.EXTENT, ())
    hormonal = any(name in (Circumstance.ER, Circumstance.HR) and "positive" in words for name, words in hint.must.items())
    return flagged(answer, [*(absent if metastatic else ()), *(["er-low"] if hormonal and rests_on_er_low else [])])


def _answer(rule: Rule, hint: Hint, situation: Situation, chosen: Chosen) -> Answer | None:
    """What else the indication asks for; all that it must have holds."""
    also, either = _all(hint.also, situation), _any(hint.either, situation)
    if Truth.FAILS in (also.truth, either.truth):
        return None
    narrower = _any(hint.narrower, situation)
    met = distinct((*hint.must, *also.met, *either.met))
    unknown = distinct((*also.unknown, *either.unknown, *(narrower.unknown if narrower.truth is Truth.UNKNOWN else ())))
    matches = not unknown and narrower.truth is Truth.HOLDS
    flags = [*hint.flags, *_remarks(hint, narrower.truth, situation, chosen)]
    used = facts_of(situation, [*met, *unknown])
    value = _MATCHES if matches else _POSSIBLE
    about = About(result=Result.THERAPY_HINT, item=hint.id)
    answer = determined(about, rule, value, _because(met, unknown, situation, chosen), used, flags)
    is_molecular = any(chosen.books.circumstances[name].molecular for name in hint.must)
    parts = _parts(hint, met, unknown, situation, chosen)
    return answer.but(parts=parts, is_implication=is_molecular, drugs=hint.drugs)


def _all(wanted: Wanted, situation: Situation) -> _Judged:
    """Whether every condition holds; one that is known to fail decides."""
    states = {name: truth(situation.get(name), words) for name, words in wanted.items()}
    if Truth.FAILS in states.values():
        return _Judged(Truth.FAILS)
    unknown = tuple(name for name, state in states.items() if state is Truth.UNKNOWN)
    met = tuple(name for name, state in states.items() if state is Truth.HOLDS)
    return _Judged(Truth.UNKNOWN if unknown else Truth.HOLDS, met, unknown)


def _any(sets: Iterable[Wanted], situation: Situation) -> _Judged:
    """Whether one of these sets holds; no sets ask for nothing. While none does, what is not known of those that still may is asked for."""
    judged = [_all(wanted, situation) for wanted in sets]
    if not judged:
        return _Judged(Truth.HOLDS)
    held = next((one for one in judged if one.truth is Truth.HOLDS), None)
    if held is not None:
        return held
    still = [one for one in judged if one.truth is Truth.UNKNOWN]
    if not still:
        return _Judged(Truth.FAILS)
    return _Judged(Truth.UNKNOWN, unknown=distinct(name for one in still for name in one.unknown))


def _remarks(hint: Hint, narrower: Truth, situation: Situation, chosen: Chosen) -> list[str]:
    """What a reader must know of the indication: sources that differ, a limit, knowledge that nobody has looked at for long."""
    flags = ["criteria-differ"] if narrower is not Truth.HOLDS else []
    flags += [BOUNDARY] if hint.boundary and holds(situation, hint.boundary) else []
    return [*flags, *(["hint-stale"] if _is_stale(hint, chosen) else [])]


def _is_stale(hint: Hint, chosen: Chosen) -> bool:
    """True when nobody has looked at the indication for so many months; not known without a day to compare with."""
    last = months_later(hint.as_of.isoformat(), int(chosen.rule("hint-age").numbers["months"]))
    return chosen.today is not None and last is not None and chosen.today > last


def _because(met: Sequence[Circumstance], unknown: Sequence[Circumstance], situation: Situation, chosen: Chosen) -> str:
    shown = "; ".join(_met(name, situation) for name in met)
    return f"{shown}; not known: {', '.join(_label(name, chosen) for name in unknown)}" if unknown else shown


def _met(name: Circumstance, situation: Situation) -> str:
    """A condition that holds, with what is known."""
    return f"{name.replace('-', ' ')}: {' or '.join(situation[name].values).replace('-', ' ')}"


def _label(name: Circumstance, chosen: Chosen) -> str:
    return chosen.books.circumstances[name].label


def _parts(
    hint: Hint, met: Sequence[Circumstance], unknown: Sequence[Circumstance], situation: Situation, chosen: Chosen
) -> tuple[Part, ...]:
    """The indication with its date, what of it is known to hold, and what is not known."""
    return (
        Part(name="indication", text=hint.indication),
        Part(name="source-date", text=hint.source_date),
        *(Part(name="condition-met", text=_met(name, situation)) for name in met),
        *(Part(name="condition-unknown", text=_label(name, chosen)) for name in unknown),
    )
