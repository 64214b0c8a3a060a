"""Which published indications name a drug that was just selected? One card for each cancer and drug (hook `order-select`).

A card says how the conditions stand. It never says whether to order (H1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from adapter.cards.card import Card, Link
from adapter.cards.markdown import link, section, text
from adapter.cards.overview import incomplete
from adapter.cards.scene import INCOMPLETE, INDICATION, Scene, missing_lines, used_block
from adapter.facts.answers import Answer
from adapter.facts.case import Case
from adapter.facts.standing import Standing, Verdict
from adapter.orders import Concerned, Ordered
from adapter.wording import plain, side

# Each verdict as a person reads it, the nearest first.
_VERDICTS = {
    Verdict.MATCHES: "with every condition met",
    Verdict.POSSIBLE: "that may match",
    Verdict.OPEN: "that cannot be told yet",
    Verdict.NOT_MET: "with a condition not met",
}


def indications(scene: Scene, order: Ordered, found: Sequence[Concerned]) -> list[Card]:
    """A card for each cancer and selected drug that an indication names, and one for a selected order that cannot be read."""
    cards = [_card(one, scene) for one in found]
    if order.issues:
        lines = section("Selected orders that cannot be read", (text(issue.text) for issue in order.issues))
        cards.append(scene.card(INCOMPLETE, ["A selected order does not show for certain which drug it is for"], [lines], [], []))
    return cards or (incomplete(scene) if order.drugs else [])


def _card(one: Concerned, scene: Scene) -> Card:
    ranked = sorted(one.standings, key=lambda standing: list(_VERDICTS).index(standing.verdict))
    answers = next((answers for case, answers in scene.reply.answers if case is one.case), ())
    blocks = [
        *(_block(standing, _flags(standing, answers), scene) for standing in ranked),
        section("Recommended tests that are not on file", missing_lines(one.case, answers, scene)),
        text("Only the conditions and indications of the rule set are compared: a label may ask for more, and labels change."),
        used_block(scene.reply),
    ]
    return scene.card(
        INDICATION, _summary(one.case, one.drug, ranked), blocks, [standing.rule for standing in ranked], _links(ranked, scene)
    )


def _summary(case: Case, drug: str, ranked: Sequence[Standing]) -> list[str]:
    counts = [(sum(standing.verdict is verdict for standing in ranked), words) for verdict, words in _VERDICTS.items()]
    told = [f"{number} {words}" for number, words in counts if number]
    return [f"{side(case)}, {plain(drug)}: published indications: {told[0]}", *told[1:]]


def _flags(standing: Standing, answers: Iterable[Answer]) -> tuple[str, ...]:
    """What a reader must know of the indication; where it has an answer, everything that the answer is marked with."""
    return next((answer.flags for answer in answers if answer.about.item == standing.rule), standing.flags)


def _block(standing: Standing, marks: Iterable[str], scene: Scene) -> str:
    source = scene.books.sources[standing.source]
    heading = f"**Indication {_VERDICTS[standing.verdict]}**: {link(standing.indication, _basis(standing, scene))}"
    flags = [scene.books.outputs.flags[flag].display for flag in marks if flag in scene.books.outputs.flags]
    published = f"Published: {text(source.title)}, {text(standing.source_date)}"
    return "\n".join([heading, "", *(f"- {line}" for line in (published, *_conditions(standing), *(text(flag) for flag in flags)))])


def _conditions(standing: Standing) -> Iterator[str]:
    for name, conditions in (("Met", standing.met), ("Not met", standing.unmet), ("Not known", standing.unknown)):
        if conditions:
            yield f"{name}: {text('; '.join(conditions))}"


def _basis(standing: Standing, scene: Scene) -> str:
    return scene.addresses.rule(scene.rule_set([standing.rule]), standing.rule)


def _links(ranked: Sequence[Standing], scene: Scene) -> list[Link]:
    return [Link(label="Basis of the first indication", url=_basis(ranked[0], scene))]
