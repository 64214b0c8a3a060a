"""How does one answer look, and what does a reader find behind it? Every answer becomes a card with its basis."""

from __future__ import annotations

from collections.abc import Iterable

from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.facts.case import Case, Fact
from adapter.facts.vocabulary import Kind, TissueFlag
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import Rule
from adapter.page.anchors import answer_anchor, rule_anchor
from adapter.page.shapes import Basis, Card, Input, Note, RuleEntry, Scheme, Source, State
from adapter.wording import CANNOT_TELL, answer_word, plain, stretch, title, value

# The flag of a specimen whose results stand for the case; a mark of its row, not a warning.
_WORDS = {State.KNOWN: "answered", State.ASIDE: CANNOT_TELL[Kind.NOT_APPLICABLE]}


class Cards:
    """The cards of one page: sources are numbered, and rules listed, in the order in which they are first met."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.sources: dict[str, Source] = {}
        self.rules: dict[str, RuleEntry] = {}

    def card(self, case: Case, answer: Answer) -> Card:
        """One answer with everything behind it."""
        state = state_of(answer)
        remarks = notes((flag for flag in answer.flags if flag != TissueFlag.GOVERNING), self.knowledge)
        return Card(
            anchor=answer_anchor(self.knowledge.canonical, case, answer.about),
            title=title(answer, self.knowledge),
            state=state,
            word=CANNOT_TELL[answer.kind] if isinstance(answer, Undetermined) else _WORDS[state],
            value="" if isinstance(answer, Undetermined) else _value(answer, self.knowledge),
            possible=tuple(answer_word(answer.about.result, word, self.knowledge) for word in answer.possible),
            because=answer.because,
            missing=answer.missing,
            parts=tuple(self._parts(answer)),
            notes=remarks,
            remarks=tuple(note.name for note in remarks),
            context=answer.context,
            basis=self._basis(answer),
        )

    def source(self, name: str) -> Source | None:
        """A source with its number; None for an answer that names none."""
        known = self.knowledge.sources.get(name)
        if known is None:
            return None
        entry = Source(len(self.sources) + 1, known.citation, known.url, known.read_as, known.checked_on.isoformat())
        return self.sources.setdefault(name, entry)

    def _parts(self, answer: Answer) -> Iterable[tuple[str, str]]:
        """The pieces of an answer that are a text or a number, each under its name."""
        for part in answer.parts:
            text = part.text or (f"{part.number:f}" if part.number is not None else "")
            if text:
                known = self.knowledge.outputs.components.get(part.name)
                yield known.display if known else plain(part.name), text

    def _basis(self, answer: Answer) -> Basis:
        rule = self.knowledge.rules.get(answer.rule)
        if rule is not None:
            self._enter(rule)
        return Basis(
            rule=rule_anchor(answer.rule) if rule else "",
            question=rule.question if rule else "",
            row=(answer.row or "") if isinstance(answer, Determined) else "",
            source=self.source(answer.source),
            scheme=self._scheme(rule, answer.about.scheme),
            inputs=tuple(self._inputs(answer)),
            stated=tuple(
                f"{answer_word(answer.about.result, one.value, self.knowledge)} ({one.fact.origin.reference})" for one in answer.asserted
            ),
        )

    def _enter(self, rule: Rule) -> None:
        """List a rule with its bands and numbers, once."""
        if rule.id in self.rules:
            return
        source = self.source(rule.source)
        assert source is not None
        bands = [f"{stretch(band)}: {plain(band.says)}" for band in rule.bands]
        numbers = [f"{plain(name)}: {number}" for name, number in rule.numbers.items()]
        rows = [f"{len(rule.rows)} rows in {rule.file}"] if rule.file else []
        self.rules[rule.id] = RuleEntry(
            rule_anchor(rule.id), rule.question, (*bands, *numbers, *rows), rule.note, source, f"mappings/{rule.folder}"
        )

    def _scheme(self, rule: Rule | None, name: str | None) -> Scheme | None:
        if name is None:
            return None
        choice = (rule.choice or "") if rule else ""
        how = "the default" if self.knowledge.defaults.get(choice) == name else "chosen for this request or site"
        return Scheme(name, how, tuple(other for other in self.knowledge.schemes.get(choice, {}) if other != name))

    def _inputs(self, answer: Answer) -> Iterable[Input]:
        """What was used, gathered by the resource that said it."""
        by_origin: dict[str, list[Fact]] = {}
        for fact in (*answer.used, *answer.members):
            by_origin.setdefault(fact.origin.reference, []).append(fact)
        for reference, facts in by_origin.items():
            first = facts[0]
            said = dict.fromkeys(self._said(fact) for fact in facts)
            path = min((fact.origin.path for fact in facts), key=len)
            yield Input(tuple(said), first.taken_on or "", plain(first.status), reference, first.origin.version or "", path)

    def _said(self, fact: Fact) -> str:
        """One fact as a reader reads it: what was measured, then the value with its unit."""
        shape = self.knowledge.facts.get(fact.word)
        unit = self.knowledge.unit_of(shape.kind) if shape and fact.number is not None else ""
        return f"{shape.title if shape else plain(fact.word)}: {fact.shown} {unit}".strip()


def state_of(answer: Answer) -> State:
    """How firm an answer is: open where something is missing or cannot be judged, aside where its rule does not apply."""
    if isinstance(answer, Undetermined):
        return State.ASIDE if answer.kind is Kind.NOT_APPLICABLE else State.OPEN
    is_open = isinstance(answer, Composed) and not any(part.value or part.number is not None for part in answer.parts)
    return State.OPEN if is_open else State.KNOWN


def notes(flags: Iterable[str], knowledge: Knowledge) -> tuple[Note, ...]:
    """Flags as a reader reads them."""
    known = ((flag, knowledge.outputs.flags.get(flag)) for flag in flags)
    return tuple(Note(one.display, one.sentence) if one else Note(plain(flag), "") for flag, one in known)


def _value(answer: Answer, knowledge: Knowledge) -> str:
    """The value with a minus sign that reads as one."""
    text = value(answer, knowledge)
    return text.replace("-", "−", 1) if isinstance(answer, Determined) and answer.quantity is not None else text
