"""How does a person read it? Plain sentences for an answer, and the XHTML of https://hl7.org/fhir/R4/narrative.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from adapter.facts.answers import About, Answer, Composed, Determined, Undetermined
from adapter.facts.case import Case, Day
from adapter.facts.uptake import Lesion
from adapter.facts.vocabulary import Basis, Origin, Result, Side
from adapter.fhir.outcome import clean
from adapter.knowledge.outputs import Outputs

# The part of an answer that names a published indication.
INDICATION = "indication"
_SIDES = {Side.LEFT: "Left breast", Side.RIGHT: "Right breast", Side.BILATERAL: "Both breasts"}


class Told(NamedTuple):
    """One answer with what is said of it in more than one place: in a sentence, with its reason and source, and its day."""

    case: Case
    answer: Answer
    sentence: str
    note: str
    day: Day | None


Answered = Sequence[tuple[Case, Sequence[Told]]]


def told(case: Case, answer: Answer, outputs: Outputs, citations: Mapping[str, str]) -> Told:
    """An answer in words."""
    return Told(case, answer, sentence(case, answer, outputs), note_text(answer, citations), answer.effective)


def note_text(answer: Answer, citations: Mapping[str, str]) -> str:
    """The reason, the rule and row that gave it, and where the rule was read."""
    row = f", row {answer.row}" if isinstance(answer, Determined) and answer.row else ""
    return f"{ended(answer.because)} Rule: {answer.rule}{row}. Source: {ended(citations.get(answer.source, answer.source))}"


def ended(text: str) -> str:
    """The text as a sentence with its period."""
    text = clean(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def heading(about: About, outputs: Outputs, *, specimen: str | None = None, lesion: Lesion | None = None) -> str:
    """What an answer is about: the kind, with its basis, its tissue, its lesion and its scan where they are known."""
    basis = about.basis.replace("-", " ") if about.basis and about.basis is not Basis.UNSPECIFIED else None
    # A missing test is its own value, so its name need not stand in the heading.
    item = about.item if about.result is Result.THERAPY_HINT else None
    named = (basis, specimen, lesion.name if lesion else None, about.scan or about.tracer, about.gene, _origin(about), item)
    inside = [part for part in named if part]
    display = outputs.results[about.result].display
    # A prognostic stage carries its basis in its name.
    inside = [part for part in inside if not display.lower().startswith(part)]
    return f"{display} ({', '.join(inside)})" if inside else display


def _origin(about: About) -> str | None:
    return f"{about.origin} origin" if about.origin is Origin.UNKNOWN else about.origin


def value_text(answer: Determined, outputs: Outputs) -> str:
    """The value as a person reads it."""
    if answer.quantity is not None:
        return f"{answer.quantity:f} {answer.unit or ''}".strip()
    display = outputs.answers[answer.about.result][answer.value].concept.display
    indication = next((part.text for part in answer.parts if part.name == INDICATION), None)
    return f"{display}: {indication}" if indication else display


def sentence(case: Case, answer: Answer, outputs: Outputs) -> str:
    """One answer in words: the value, or why there is none, what to send, and what is still possible."""
    specimen = case.specimen(answer.about.specimen)
    title = heading(answer.about, outputs, specimen=specimen.reference if specimen else None, lesion=answer.lesion)
    match answer:
        case Determined():
            return f"{title}: {value_text(answer, outputs)}."
        case Undetermined():
            return f"{title}: {outputs.absences[answer.kind].display.lower()}: {_open_question(answer, outputs)}"
        case Composed():
            return f"{title}: {outputs.parts_text(answer.about.result, answer.parts)}."


def place_of(case: Case) -> str:
    """Which cancer this is, in words."""
    return _SIDES[case.side] if case.side else "Breast"


def conclusion(answered: Answered) -> str:
    """What could be determined, then what could not and what is missing, one sentence a line."""
    said = [(isinstance(one.answer, Undetermined), f"{place_of(case)}: {one.sentence}") for case, answers in answered for one in answers]
    return clean(
        "\n".join([text for undetermined, text in said if not undetermined] + [text for undetermined, text in said if undetermined])
    )


def short(lines: Iterable[str]) -> dict[str, str]:
    """A generated narrative of plain paragraphs."""
    return _narrative("".join(f"<p>{_safe(line)}</p>" for line in lines))


def report_text(title: str, answered: Answered, outputs: Outputs) -> dict[str, str]:
    """The narrative of the report: one list for each cancer, each answer with its reason, its source and its flags in words."""
    body = f"<h2>{_safe(title)}</h2>"
    for case, answers in answered:
        items = "".join(_item(one, outputs) for one in answers)
        flags = "".join(f"<p>{_safe(flag_sentence(flag, outputs))}</p>" for flag in case.flags)
        body += f"<h3>{_safe(place_of(case))}</h3>{flags}" + (f"<ul>{items}</ul>" if items else "")
    return _narrative(body)


def flag_sentence(flag: str, outputs: Outputs) -> str:
    """What a flag says to a reader; a flag without a line in flags.csv says its name."""
    known = outputs.flags.get(flag)
    return known.sentence if known else f"{flag}."


def _item(one: Told, outputs: Outputs) -> str:
    flags = "".join(f"<br/>{_safe(flag_sentence(flag, outputs))}" for flag in one.answer.flags)
    return f"<li><b>{_safe(one.sentence)}</b><br/>{_safe(one.note)}{flags}</li>"


def _open_question(answer: Undetermined, outputs: Outputs) -> str:
    words = outputs.answers[answer.about.result]
    parts = [ended(answer.because)]
    if answer.missing:
        parts.append(ended(f"To send: {'; '.join(answer.missing)}"))
    if answer.possible:
        parts.append(ended(f"Still possible: {', '.join(words[name].concept.display for name in answer.possible)}"))
    return " ".join(parts)


def _safe(text: str) -> str:
    return escape(clean(text), quote=True)


def _narrative(body: str) -> dict[str, str]:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}
