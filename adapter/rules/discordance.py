"""Did the receptors change between the primary and a metastasis? ER, PR and HER2 each: concordant, gain or loss (Jacene 2024)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from adapter.facts.answers import About, Answer, Composed, Part
from adapter.facts.case import Case, Fact, Specimen
from adapter.facts.vocabulary import Kind, Result, SpecimenKind, Timing
from adapter.rules.answering import receptor_sign, undetermined, value_of
from adapter.rules.extent import Spread, is_origin_open
from adapter.rules.operators import Chosen, distinct, input_flags

Found = Mapping[Result, Answer]

_RECEPTORS = {"er": Result.ER_STATUS, "pr": Result.PR_STATUS, "her2": Result.HER2_STATUS}
_POSITIVE = "positive"


def discordance_answers(case: Case, tissue: Mapping[str, Found], spread: Spread, apart: Collection[str], chosen: Chosen) -> list[Answer]:
    """One answer for each metastasis with receptors; one that stays open where an unsampled one may come from either of two primaries.

    What is `apart`, in situ, is not compared.
    """
    invasive = [one for one in case.specimens if one.key not in apart]
    with_receptors = [one for one in invasive if any(result in tissue[one.key] for result in _RECEPTORS.values())]
    metastases = [one for one in with_receptors if one.kind is SpecimenKind.METASTASIS]
    primary, remarks = _primary(with_receptors)
    if not metastases:
        return [_unsampled(spread, chosen)] if is_origin_open(case, spread) else []
    if primary is None:
        return []
    remarks += ["origin-not-known"] if is_origin_open(case, spread) else []
    return [_compared(primary, one, tissue, remarks, chosen) for one in metastases]


def _primary(specimens: Sequence[Specimen]) -> tuple[Specimen | None, list[str]]:
    """The newest tissue of the primary before treatment; where no specimen names its site, one that does not say so either."""
    named = [one for one in specimens if one.kind is SpecimenKind.PRIMARY]
    unnamed = [one for one in specimens if one.kind is SpecimenKind.UNKNOWN]
    kept = named or unnamed
    untreated = [one for one in kept if one.timing is not Timing.AFTER_TREATMENT]
    newest = max(untreated or kept, key=lambda one: one.collected_on or "", default=None)
    return newest, ([] if named or newest is None else ["primary-site-not-named"])


def _compared(primary: Specimen, metastasis: Specimen, tissue: Mapping[str, Found], remarks: Sequence[str], chosen: Chosen) -> Answer:
    rule = chosen.rule("receptor-discordance")
    before, after = tissue[primary.key], tissue[metastasis.key]
    sent = [name for name, result in _RECEPTORS.items() if result in before or result in after]
    parts = tuple(_part(name, before.get(_RECEPTORS[name]), after.get(_RECEPTORS[name])) for name in sent)
    used = _used(found[_RECEPTORS[name]] for name in sent for found in (before, after) if _RECEPTORS[name] in found)
    lost = [part.name for part in parts if part.value == "loss"]
    flags = [*remarks, *(["er-loss"] if "er" in lost else [])]
    return Composed(
        about=About(result=Result.RECEPTOR_DISCORDANCE, specimen=metastasis.key),
        rule=rule.id,
        source=rule.source,
        because="; ".join(part.because for part in parts),
        used=tuple(used),
        flags=distinct([*flags, *input_flags(used)]),
        parts=parts,
    )


def _part(name: str, before: Answer | None, after: Answer | None) -> Part:
    """What became of one receptor; open where one side has none or cannot tell."""
    first, second = receptor_sign(before), receptor_sign(after)
    shown = f"{name.upper()} {_shown(before)} in the primary, {_shown(after)} in the metastasis"
    if first is None or second is None:
        return Part(name=name, because=shown)
    if first == second:
        return Part(name=name, value="concordant", because=shown)
    return Part(name=name, value="gain" if second == _POSITIVE else "loss", because=shown)


def _shown(answer: Answer | None) -> str:
    if answer is None:
        return "not sent"
    return (value_of(answer) or "not known").replace("-", " ")


def _unsampled(spread: Spread, chosen: Chosen) -> Answer:
    """Whose receptors an unsampled metastasis has cannot be told where two primaries are on file."""
    because = "two primary cancers are on file and no tissue of the metastasis: it could come from either, so its receptors are not known"
    return undetermined(
        About(result=Result.RECEPTOR_DISCORDANCE),
        chosen.rule("receptor-discordance"),
        Kind.INDETERMINATE,
        because,
        spread.evidence,
        ["origin-not-known"],
        missing=["ER, PR and HER2 of the metastasis"],
    )


def _used(answers: Iterable[Answer]) -> list[Fact]:
    return list({id(fact): fact for answer in answers for fact in answer.used}.values())
