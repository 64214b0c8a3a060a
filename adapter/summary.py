"""How does a person read it? Plain text for a terminal, 100 columns wide: every answer with its reason, its source and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from adapter.facts.answers import Answer, Undetermined
from adapter.facts.case import Case, Issue, Specimen
from adapter.facts.imaging import images
from adapter.facts.uptake import Images
from adapter.facts.vocabulary import Kind, Severity
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.rule_sets import RuleSet, published
from adapter.knowledge.shapes import Rule
from adapter.pipeline import Reply
from adapter.wording import case_title, flag_text, plain, stretch, tissue, title, value

WIDTH = 100
VALUE_COLUMN = 36
INDENT = "      "
SIGNS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFORMATION: "note"}


# How a part of an answer is called in the margin.
_PARTS = {"indication": "What", "source-date": "Dated"}


class _Citations:
    """The sources of one summary, numbered in the order in which they are first named."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.numbers: dict[str, int] = {}

    def mark(self, source: str) -> str:
        """The bracketed number of a source; empty for an answer that names none."""
        return f" [{self.numbers.setdefault(source, len(self.numbers) + 1)}]" if source else ""

    def lines(self) -> Iterator[str]:
        """The list of sources, as it stands below the answers."""
        for source, number in self.numbers.items():
            yield from _hanging(f"  [{number}] ", self.knowledge.citation(source))


def summarise(reply: Reply, knowledge: Knowledge) -> str:
    """Everything that was decided, why, and what could not be used."""
    citations = _Citations(knowledge)
    blocks = [[*_case_lines(case, answers, knowledge, citations)] for case, answers in reply.answers]
    if not blocks:
        blocks = [["No breast cancer was found in what was sent."]]
    if citations.numbers:
        blocks.append([_heading("Sources"), *citations.lines()])
    if reply.issues:
        blocks.append([_heading("What was sent and needs a look"), *_issue_lines(reply.issues)])
    blocks.append([*_closing(reply, knowledge)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _case_lines(case: Case, answers: Sequence[Answer], knowledge: Knowledge, citations: _Citations) -> Iterator[str]:
    yield "=" * WIDTH
    yield from wrap(case_title(case), WIDTH)
    yield "=" * WIDTH
    if not answers:
        yield "Nothing that was sent allows an answer about this cancer."
    spoken = [answer for answer in answers if not _is_not_applicable(answer) and not _is_imaging(answer)]
    sections: dict[str | None, list[Answer]] = {}
    for answer in spoken:
        sections.setdefault(answer.about.specimen, []).append(answer)
    for key, section in sections.items():
        yield from _section_lines(section, case.specimen(key), knowledge, citations)
    shown = [answer for answer in answers if _is_imaging(answer) and not _is_not_applicable(answer)]
    yield from _imaging_lines(shown, images(case), knowledge, citations)
    aside = [answer for answer in answers if _is_not_applicable(answer)]
    if aside:
        yield from ("", "  Not applicable")
    for answer in aside:
        yield from _hanging("    - ", f"{title(answer, knowledge)}: {answer.because}{citations.mark(answer.source)}")


def _section_lines(answers: list[Answer], specimen: Specimen | None, knowledge: Knowledge, citations: _Citations) -> Iterator[str]:
    """The answers about one tissue, or about the cancer as a whole; what every one of them is flagged with is said once."""
    shared = [flag for flag in answers[0].flags if specimen and all(flag in answer.flags for answer in answers)]
    heading = tissue(specimen) if specimen else "The cancer as a whole"
    yield from ("", _heading(heading[:1].upper() + heading[1:]))
    for flag in shared:
        yield from _hanging("  Note  ", flag_text(flag, knowledge))
    for answer in answers:
        yield ""
        yield from _answer_lines(answer, shared, knowledge, citations)


def _is_imaging(answer: Answer) -> bool:
    return bool(answer.about.tracer or answer.about.scan)


def _imaging_lines(answers: Sequence[Answer], shown: Images, knowledge: Knowledge, citations: _Citations) -> Iterator[str]:
    """What PET shows: for each tracer its lesions with their values over time, then what speaks of the patient."""
    tracers = {scan.key: scan.tracer or "" for scan in shown.scans}
    seen = {(tracers[one.scan], one.lesion) for one in shown.uptakes if one.scan in tracers}
    said = {(answer.about.tracer or "", answer.about.lesion or "") for answer in answers}
    for tracer, lesion in sorted(seen | said, key=lambda pair: (pair[0], pair[1] == "", pair[1])):
        yield from ("", _heading(_imaging_title(tracer, lesion, shown, knowledge)))
        yield from _values_over_time(tracer, lesion, shown)
        for answer in answers:
            if (answer.about.tracer or "", answer.about.lesion or "") == (tracer, lesion):
                yield ""
                yield from _answer_lines(answer, (), knowledge, citations)


def _imaging_title(tracer: str, key: str, shown: Images, knowledge: Knowledge) -> str:
    topic = knowledge.tracer_topic(tracer)
    name = topic.title if topic else "a tracer that is not known"
    lesion = next((one for one in shown.lesions if one.key == key), None)
    place = f"{lesion.name}{f' ({lesion.reference})' if lesion.reference else ''}" if lesion else key or "the patient"
    return f"PET with {name}, {place}"


def _values_over_time(tracer: str, lesion: str, shown: Images) -> Iterator[str]:
    """One line for each value of a lesion, the earliest scan first."""
    days = {scan.key: scan.day or "day not sent" for scan in shown.scans if (scan.tracer or "") == tracer}
    mine = [(days[one.scan], one) for one in shown.uptakes if one.lesion == lesion and one.scan in days]
    for day, one in sorted(mine, key=lambda pair: pair[0]):
        said = f"{one.kind} {one.value}" if one.value is not None else one.presence.replace("-", " ")
        yield from _hanging(f"  {day}  ", said)


def _is_not_applicable(answer: Answer) -> bool:
    return isinstance(answer, Undetermined) and answer.kind is Kind.NOT_APPLICABLE


def _answer_lines(answer: Answer, said: Sequence[str], knowledge: Knowledge, citations: _Citations) -> Iterator[str]:
    yield from _hanging(f"  {title(answer, knowledge)} ".ljust(VALUE_COLUMN, ".") + " ", value(answer, knowledge))
    for part in (part for part in answer.parts if part.name in _PARTS):
        yield from _field(_PARTS[part.name], part.text)
    yield from _field("Scheme", answer.about.scheme or "")
    yield from _field("Why", answer.because + citations.mark(answer.source))
    if isinstance(answer, Undetermined):
        yield from _field("To send", "; ".join(answer.missing))
    yield from _field("Inputs", ", ".join(dict.fromkeys(fact.origin.reference for fact in answer.used)))
    for asserted in answer.asserted:
        yield from _field("Sender", f"states {asserted.value} ({asserted.fact.origin.reference})")
    for flag in (flag for flag in answer.flags if flag not in said):
        yield from _field("Note", flag_text(flag, knowledge))
    for context in answer.context:
        yield from _field("Context", context)


def _issue_lines(issues: Iterable[Issue]) -> Iterator[str]:
    ranked = sorted(issues, key=lambda issue: list(Severity).index(issue.severity))
    for issue in ranked:
        where = " ".join(part for part in (issue.place.reference, issue.place.path) if part) if issue.place else ""
        yield from _hanging(f"  {SIGNS[issue.severity]:<9}", f"{where}: {issue.text}" if where else issue.text)


def _closing(reply: Reply, knowledge: Knowledge) -> Iterator[str]:
    counted = ", ".join(f"{number} {plain(what)}" for what, number in reply.counts.items())
    if counted:
        yield from wrap(f"Read: {counted}.", WIDTH)
    yield from wrap(f"Knowledge {knowledge.version}. Decision support for a clinician to review; it does not direct treatment.", WIDTH)


def staged(answer: Answer, knowledge: Knowledge) -> str:
    """One stage for a person: the value, then why and where that is written."""
    lines = [f"{title(answer, knowledge)}: {value(answer, knowledge)}", *_field("Why", answer.because)]
    if isinstance(answer, Undetermined):
        lines += _field("To send", "; ".join(answer.missing))
    for flag in answer.flags:
        lines += _field("Note", flag_text(flag, knowledge))
    if answer.source:
        lines += _field("Source", knowledge.citation(answer.source))
    return "\n".join(lines) + "\n"


def counted(knowledge: Knowledge) -> str:
    """What the proofs covered, in numbers."""
    codes = sum(len(rows) for role in knowledge.codes.values() for rows in role.values())
    cells = sum(len(table.cells) for table in knowledge.tables.values())
    return (
        f"OK: knowledge {knowledge.version} holds together: {len(knowledge.topics)} topics, {len(knowledge.rules)} rules, "
        f"{len(knowledge.tables)} tables with {cells} cells, {codes} code rows, {len(knowledge.cases)} worked cases, "
        f"{len(knowledge.sources)} sources.\n"
    )


def broken(error: BrokenKnowledge) -> str:
    """Every fault in the books, one a line."""
    count = len(error.problems)
    return "".join(f"{problem}\n" for problem in error.problems) + f"{count} problem{'s' * (count != 1)} in the mappings.\n"


def rule_list(knowledge: Knowledge) -> str:
    """Every rule with the question it answers."""
    widest = max((len(rule) for rule in knowledge.rules), default=0)
    lines = [line for rule in knowledge.rules.values() for line in _hanging(f"{rule.id:<{widest}}  ", rule.question)]
    return "\n".join(lines) + "\n"


def explained(rule: Rule, knowledge: Knowledge) -> str:
    """One rule: what it asks, how it decides, and where that was read."""
    source = knowledge.sources[rule.source]
    lines = [rule.id, *_field("Asks", rule.question)]
    shape = knowledge.outputs.results.get(rule.result) if rule.result else None
    lines += _field("Result", shape.display if shape else "")
    lines += _field("Scheme", f"{rule.scheme}{' (default)' * rule.default}, one of: {_family(rule, knowledge)}" if rule.scheme else "")
    for band in rule.bands:
        lines += _field("Band", f"{rule.fact or 'the value'} {stretch(band)}: {band.says}")
    table = knowledge.tables.get(rule.id)
    if table is not None:
        lines += _field("Table", f"{len(rule.rows)} rows over {', '.join(table.domains)}: {len(table.cells)} combinations, in {rule.file}")
    lines += [line for name, number in rule.numbers.items() for line in _field("Number", f"{plain(name)} = {number}")]
    lines += [line for name, words in rule.words.items() for line in _field("Words", f"{plain(name)}: {', '.join(words)}")]
    lines += _field("Use", f"{', '.join(rule.best)}; {plain(rule.role)}" if rule.role else "")
    lines += _field("Note", rule.note)
    lines += [*_field("Source", source.citation), *_field("Read", f"{source.read_as}, checked on {rule.checked_on}")]
    lines += _field("Licence", rule.licence or source.licence)
    lines += _field("Folder", f"mappings/{rule.folder}")
    lines += _attributes(published(knowledge).of(knowledge.rule_topic[rule.id]), knowledge)
    return "\n".join(lines) + "\n"


def _attributes(one: RuleSet, knowledge: Knowledge) -> list[str]:
    """The source attributes of the rule set: who made it and when, and what it uses of a patient (H2)."""
    titles = {attribute.word: attribute.title for attribute in knowledge.publication.attributes}
    unused = [title.lower() for word, title in titles.items() if word not in one.uses]
    released = f"released on {one.made.released_on}" if one.made.released_on else "not released"
    lines = _field("Set", f"{one.title} (Library/{one.id}), {released}, revised on {one.made.revised_on}, reviewed on {one.reviewed_on}")
    lines += [*_field("Made by", f"{one.made.developer}; funding: {one.made.funding.lower()}")]
    lines += [line for word, how in one.uses.items() for line in _field("Uses", f"{titles[word].lower()}: {how}")]
    return [*lines, *_field("Not used", ", ".join(unused))]


def _family(rule: Rule, knowledge: Knowledge) -> str:
    choices = ", ".join(knowledge.schemes.get(rule.choice or "", {}))
    return f"{choices} (choose with --scheme {rule.choice}={rule.scheme})"


def _field(name: str, text: str) -> list[str]:
    """A labelled line under an answer; nothing when there is nothing to say."""
    return _hanging(f"{INDENT}{name:<9}", text) if text else []


def _hanging(first: str, text: str) -> list[str]:
    """Text broken at the width, its further lines under the beginning of the text."""
    # References and URLs are never torn: a reader copies them.
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False, break_on_hyphens=False)


def _heading(text: str) -> str:
    return f"{text}\n{'-' * len(text)}"
