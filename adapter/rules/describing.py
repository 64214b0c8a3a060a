"""What a reader must know beside an answer: its cited sentences, what the biomarker is good for (BEST), whether the tracer is approved.

The vocabulary is that of the BEST resource as the review gives it (Jacene 2024, Biomarkers): prognostic, predictive, integral, integrated.
"""

from __future__ import annotations

from adapter.facts.answers import About, Answer, Composed
from adapter.facts.vocabulary import Origin
from adapter.knowledge.shapes import Context, Role, Rule
from adapter.rules.answering import flagged, value_of
from adapter.rules.operators import Chosen, distinct
from adapter.rules.situation import Situation, holds, holds_any

_ROLES = {
    Role.INTEGRAL: "integral: directs decisions in practice",
    Role.INTEGRAL_IN_TRIAL: "integral inside the trial only: directs decisions there and nowhere else",
    Role.INTEGRATED: "integrated: investigational, studied in trials and deciding nothing",
}


def described(answer: Answer, situation: Situation, chosen: Chosen) -> Answer:
    """The answer with what goes with it; a sentence that asks for more stands only where that is known of the patient."""
    texts = [*_sentences(answer, situation, chosen), *_biomarker(answer, chosen)]
    marked = answer.but(context=distinct([*answer.context, *texts])) if texts else answer
    topic = chosen.books.tracer_topic(answer.about.tracer)
    unapproved = topic is not None and topic.tracer is not None and not topic.tracer.approved
    return flagged(marked, ["investigational-tracer"]) if unapproved else marked


def _sentences(answer: Answer, situation: Situation, chosen: Chosen) -> list[str]:
    values = {part.value for part in answer.parts} if isinstance(answer, Composed) else {value_of(answer)}
    if values == {None}:
        return []
    rows = chosen.books.contexts.get(answer.about.result, ())
    return [row.text for row in rows if row.value in ("any", *values) and _goes_with(row, answer, situation)]


def _goes_with(row: Context, answer: Answer, situation: Situation) -> bool:
    """Whether what a sentence asks for is known: the tracer, the gene, the indication, a flag of the answer, and the patient."""
    by_about = (not row.tracers or answer.about.tracer in row.tracers) and (not row.genes or answer.about.gene in row.genes)
    by_item = not row.items or answer.about.item in row.items
    by_flag = not row.flags or bool(set(row.flags) & set(answer.flags))
    return by_about and by_item and by_flag and holds(situation, row.when) and not holds_any(situation, row.unless)


def _biomarker(answer: Answer, chosen: Chosen) -> list[str]:
    """What the rule of the answer says of the biomarker, or another rule for the same result where that one says nothing."""
    rule = chosen.books.rules.get(answer.rule)
    if rule is None or not rule.best:
        rule = chosen.books.rules.get(chosen.books.described_by.get(answer.about.result, ""))
    if rule is None or not rule.best or not _is_of(rule, answer.about):
        return []
    role = f" Role: {_ROLES[rule.role]}." if rule.role is not None else ""
    return [f"Biomarker (BEST): {', '.join(rule.best)}.{role}"]


def _is_of(rule: Rule, about: About) -> bool:
    """True unless the answer speaks of a gene, or of an origin, for which the rule names no use."""
    named = [*rule.words.get("predictive", ()), *(rule.words.get("predictive_germline", ()) if about.origin is Origin.GERMLINE else ())]
    return about.gene is None or about.gene in named
