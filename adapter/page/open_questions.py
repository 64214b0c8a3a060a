"""What was not sent, and what would it settle? And which published indications wait for a condition?"""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import Answer, Undetermined
from adapter.facts.case import Case
from adapter.facts.vocabulary import Result
from adapter.page.cards import Cards, state_of
from adapter.page.shapes import Card, Gap, Indication, State

_MATCHES = "matches"


def gaps(case: Case, answers: Sequence[Answer], cards: Cards) -> tuple[Gap, ...]:
    """Each thing to send with the answers and indications that wait for it, the one that settles most first."""
    waiting: dict[str, list[Card]] = {}
    for answer in answers:
        if isinstance(answer, Undetermined) and state_of(answer) is State.OPEN:
            card = cards.card(case, answer)
            for name in answer.missing:
                waiting.setdefault(name, []).append(card)
    for one in indications(case, answers, cards):
        for name in one.unknown:
            waiting.setdefault(name, []).append(one.card._replace(title=one.text, state=State.OPEN))
    found = [Gap(name, tuple(mine)) for name, mine in waiting.items()]
    return tuple(sorted(found, key=lambda gap: -len(gap.waiting)))


def beyond_sending(case: Case, answers: Sequence[Answer], cards: Cards) -> tuple[Card, ...]:
    """The open answers that name nothing to send: what was sent cannot be judged."""
    still = [one for one in answers if isinstance(one, Undetermined) and state_of(one) is State.OPEN and not one.missing]
    return tuple(cards.card(case, answer) for answer in still)


def is_any_given(answers: Sequence[Answer]) -> bool:
    """Whether any question of the case has an answer."""
    return any(state_of(answer) is State.KNOWN for answer in answers)


def recommended_tests(case: Case, answers: Sequence[Answer], cards: Cards) -> tuple[Card, ...]:
    """The tests that a source recommends and that are not on file."""
    return tuple(cards.card(case, answer) for answer in answers if answer.about.result is Result.MISSING_TEST)


def indications(case: Case, answers: Sequence[Answer], cards: Cards) -> tuple[Indication, ...]:
    """The published indications, those that match before those that may match."""
    found = [_indication(case, answer, cards) for answer in answers if answer.about.result is Result.THERAPY_HINT]
    return tuple(sorted(found, key=lambda one: not one.is_match))


def _indication(case: Case, answer: Answer, cards: Cards) -> Indication:
    texts: dict[str, list[str]] = {}
    for part in answer.parts:
        texts.setdefault(part.name, []).append(part.text)
    return Indication(
        card=cards.card(case, answer),
        text=" ".join(texts.get("indication", ())),
        date=" ".join(texts.get("source-date", ())),
        is_match=getattr(answer, "value", "") == _MATCHES,
        met=tuple(texts.get("condition-met", ())),
        unknown=tuple(texts.get("condition-unknown", ())),
    )
