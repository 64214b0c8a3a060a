"""Did the receptors change between the primary and a metastasis? ER, PR and HER2 each: concordant, gain or loss (Jacene 2024)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from adapter.facts.answers import About, Answer, Composed, Part
from adapter.facts.case import Case, Fact, Specimen
from adapter.facts.vocabulary import Kind, Result, SpecimenKind, Timing
from adapter.rules.answering import receptor_sign, undetermined, value_of
from adapter.rules.extent import Spread, is_origin_open
from adapter.rules.governing import newest_of
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
    primaries, remarks = _primaries(with_receptors, tissue)
    if not metastases:
        return [_unsampled(spread, chosen)] if is_origin_open(case, spread) else []
    if not primaries:
        return []
    remarks += ["origin-not-known"] if is_origin_open(case, spread) else []
    return [_compared(primaries, one, tissue, remarks, chosen) for one in metastases]


def _primaries(specimens: Sequence[Specimen], tissue: Mapping[str, Found]) -> tuple[list[Found], list[str]]:
    """The newest tissue of the primary before treatment, several where those of one day differ.

    Where no specimen names its site, one that does not say so stands for it.
    """
    named = [one for one in specimens if one.kind is SpecimenKind.PRIMARY]
    unnamed = [one for one in specimens if one.kind is SpecimenKind.UNKNOWN]
    kept = named or unnamed
    untreated = [one for one in kept if one.timing is not Timing.AFTER_TREATMENT]
    newest = newest_of(untreated or kept, tissue)
    keys = [newest.key] if newest.key is not None else newest.tied
    return [tissue[key] for key in keys], ([] if named or not keys else ["primary-site-not-named"])


def _compared(
    primaries: Sequence[Found], metastasis: Specimen, tissue: Mapping[str, Found], remarks: Sequence[str], chosen: Chosen
) -> Answer:
    rule = chosen.rule("receptor-discordance")
    after = tissue[metastasis.key]
    sent = [name for name, result in _RECEPTORS.items() if any(result in found for found in (*primaries, after))]
    before = {name: [found[_RECEPTORS[name]] for found in primaries if _RECEPTORS[name] in found] for name in sent}
    parts = tuple(_part(name, before[name], after.get(_RECEPTORS[name])) for name in sent)
    used = _used(one for name in sent for one in (*before[name], after.get(_RECEPTORS[name])) if one is not None)
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


def _part(name: str, before: Sequence[Answer], after: Answer | None) -> Part:
    """What became of one receptor; open where one side has none or cannot tell, or where specimens of the primary differ."""
    signs, second = {receptor_sign(one) for one in before}, receptor_sign(after)
    shown_before = " or ".join(distinct(_shown(one) for one in before)) or _shown(None)
    shown = f"{name.upper()} {shown_before} in the primary, {_shown(after)} in the metastasis"
    first = signs.pop() if len(signs) == 1 else None
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
