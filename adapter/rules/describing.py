"""What a reader must know beside an answer: its cited sentences, what the biomarker is good for (BEST), whether the tracer is approved.

The vocabulary is that of the BEST resource as the review gives it (Jacene 2024, Biomarkers): prognostic, predictive, integral, integrated.
"""

from __future__ import annotations

from adapter.facts.answers import About, Answer
from adapter.facts.vocabulary import Origin
from adapter.knowledge.shapes import Role, Rule
from adapter.rules.answering import flagged, value_of
from adapter.rules.operators import Chosen, distinct

_ROLES = {
    Role.INTEGRAL: "integral: directs decisions in practice",
    Role.INTEGRAL_IN_TRIAL: "integral inside the trial only: directs decisions there and nowhere else",
    Role.INTEGRATED: "integrated: investigational, studied in trials and deciding nothing",
}


def described(answer: Answer, m: str | None, chosen: Chosen) -> Answer:
    """The answer with what goes with it; sentences that do not hold in metastatic disease are left out there."""
    texts = [*_sentences(answer, m, chosen), *_biomarker(answer, chosen)]
    marked = answer.model_copy(update={"context": distinct([*answer.context, *texts])}) if texts else answer
    topic = chosen.books.tracer_topic(answer.about.tracer)
    unapproved = topic is not None and topic.tracer is not None and not topic.tracer.approved
    return flagged(marked, ["investigational-tracer"]) if unapproved else marked


def _sentences(answer: Answer, m: str | None, chosen: Chosen) -> list[str]:
    value = value_of(answer)
    if value is None:
        return []
    rows = chosen.books.contexts.get(answer.about.result, ())
    mine = [row for row in rows if not row.tracers or answer.about.tracer in row.tracers]
    mine = [row for row in mine if not row.genes or answer.about.gene in row.genes]
    return [row.text for row in mine if row.value in ("any", value) and m not in row.unless_m]


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
