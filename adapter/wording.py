"""How are answers, tissues and rules called when a person reads them? The same words on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.facts.case import Case, Specimen
from adapter.facts.vocabulary import Basis, Kind, Origin, Result, Sampling, SpecimenKind, Timing
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import Band

CANNOT_TELL = {Kind.INDETERMINATE: "cannot tell", Kind.NOT_ASSESSABLE: "not assessable", Kind.NOT_APPLICABLE: "not applicable"}


def case_title(case: Case) -> str:
    """Which cancer of which patient this is, on one line."""
    return f"{case.patient.reference}: {', '.join([side(case), histology(case), *(plain(flag) for flag in case.flags)])}"


def side(case: Case) -> str:
    """The breast that a case belongs to."""
    return f"{case.side.value.capitalize()} breast" if case.side else "Breast (side not sent)"


def histology(case: Case) -> str:
    """The histologic type, from the Condition before any other result."""
    known = next((condition.histology for condition in case.conditions if condition.histology), None)
    known = known or next((fact.value for fact in case.about("histology") if fact.value), None)
    return f"histology {plain(known)}" if known else "histology not sent"


def title(answer: Answer, knowledge: Knowledge) -> str:
    """The name of an answer for a person."""
    shape = knowledge.outputs.results.get(answer.about.result)
    name = shape.display if shape else plain(answer.about.result)
    if answer.about.scan:
        name = f"{name}, {answer.about.scan.removeprefix(f'{answer.about.tracer}-')}"
    if answer.about.gene:
        name = f"{name}, {answer.about.gene}, {'origin not known' if answer.about.origin is Origin.UNKNOWN else answer.about.origin}"
    basis = answer.about.basis
    # A prognostic stage carries its basis in its name; the others do not.
    if basis not in (None, Basis.UNSPECIFIED) and not name.lower().startswith(str(basis)):
        name = f"{name}, {plain(basis)}"
    return name


def value(answer: Answer, knowledge: Knowledge) -> str:
    """The value of an answer, or that there is none and what is still possible."""
    match answer:
        case Determined(quantity=None):
            return answer_word(answer.about.result, answer.value, knowledge)
        case Determined():
            return f"{answer.quantity:f} {answer.unit or ''}".strip()
        case Undetermined():
            possible = [answer_word(answer.about.result, word, knowledge) for word in answer.possible]
            return CANNOT_TELL[answer.kind].upper() + (f" - still possible: {either(possible)}" if possible else "")
        case Composed():
            return knowledge.outputs.parts_text(answer.about.result, answer.parts)


def answer_word(result: Result, word: str, knowledge: Knowledge) -> str:
    """The display of one answer word."""
    shape = knowledge.outputs.answers.get(result, {}).get(word)
    return shape.concept.display if shape else word


def tissue(specimen: Specimen) -> str:
    """A tissue: how it was taken, from what, when, and its reference."""
    day = f"taken {specimen.collected_on}" if specimen.collected_on else ""
    return ", ".join(part for part in (sample(specimen), day, timing(specimen), specimen.reference) if part)


def sample(specimen: Specimen) -> str:
    """How a tissue was taken, and from what."""
    taken = specimen.sampling.value if specimen.sampling is not Sampling.UNKNOWN else "specimen"
    return f"{taken} of {plain(specimen.kind)}" if specimen.kind is not SpecimenKind.UNKNOWN else taken


def timing(specimen: Specimen) -> str:
    """Whether a tissue was taken before or after treatment; empty where nobody says so."""
    return plain(specimen.timing) if specimen.timing is not Timing.UNKNOWN else ""


def flag_text(flag: str, knowledge: Knowledge) -> str:
    """A flag by its name, with the sentence that goes with it."""
    known = knowledge.outputs.flags.get(flag)
    return f"{known.display}: {known.sentence}" if known else plain(flag)


def stretch(band: Band) -> str:
    """The stretch of numbers that a band covers."""
    ends = (("at least", band.at_least), ("above", band.above), ("below", band.below), ("up to", band.up_to))
    return " and ".join(f"{word} {number}" for word, number in ends if number is not None) or "any value"


def either(words: Sequence[str]) -> str:
    """The words with `or` before the last one."""
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def plain(name: str) -> str:
    """A word of the wire as it is read aloud."""
    return name.replace("-", " ").replace("_", " ")
