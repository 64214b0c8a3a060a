"""Which specimen's receptors are those of the case? The newest of the metastasis, else of the primary before treatment (C-25)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from adapter.facts.answers import Answer
from adapter.facts.case import Case, Specimen
from adapter.facts.vocabulary import Result, SpecimenKind, Timing
from adapter.rules.answering import value_of
from adapter.rules.extent import Spread

Found = Mapping[Result, Answer]
RECEPTORS = (Result.ER_STATUS, Result.PR_STATUS, Result.HER2_STATUS)
# What must not differ between specimens of which any may govern.
_COMPARED = (*RECEPTORS, Result.HER2_LOW, Result.HER2_ULTRALOW)


class Governing(NamedTuple):
    """The specimen that governs; or none, and the newest ones whose receptors differ."""

    key: str | None = None
    tied: tuple[str, ...] = ()


def governing_of(case: Case, tissue: Mapping[str, Found], spread: Spread, apart: Collection[str]) -> Governing:
    """The newest metastasis when it has spread, else the newest primary before treatment; what is `apart`, in situ, never governs."""
    invasive = [one for one in case.specimens if one.key not in apart]
    with_receptors = [one for one in invasive if any(result in tissue[one.key] for result in RECEPTORS)]
    metastases = [one for one in with_receptors if one.kind is SpecimenKind.METASTASIS]
    if spread.evidence and metastases:
        return newest_of(metastases, tissue)
    staging = before_treatment(with_receptors)
    others = [one for one in with_receptors if one.kind is not SpecimenKind.METASTASIS]
    return newest_of(staging or without_nodes(others) or metastases, tissue)


def before_treatment(specimens: Sequence[Specimen]) -> list[Specimen]:
    """Those of the primary before treatment, and nodes only where the primary has none."""
    return without_nodes([one for one in specimens if one.kind is not SpecimenKind.METASTASIS and one.timing is not Timing.AFTER_TREATMENT])


def without_nodes(specimens: Sequence[Specimen]) -> list[Specimen]:
    """Those that are of no regional node, unless all are."""
    return [one for one in specimens if one.kind is not SpecimenKind.REGIONAL_NODE] or list(specimens)


def newest_of(specimens: Sequence[Specimen], tissue: Mapping[str, Found]) -> Governing:
    """The newest of these; of several of one day whose receptors agree, the one that tells most."""
    latest = max((one.collected_on or "" for one in specimens), default="")
    newest = [one.key for one in specimens if _may_be_of(one, latest)]
    known = {key: {result: value for result in _COMPARED if (value := value_of(tissue[key].get(result)))} for key in newest}
    if any(len({mine[result] for mine in known.values() if result in mine}) > 1 for result in _COMPARED):
        return Governing(tied=tuple(newest))
    return Governing(max(newest, key=lambda key: len(known[key]), default=None))


def _may_be_of(specimen: Specimen, latest: str) -> bool:
    """True for a specimen of this day, or of the month or year that holds it."""
    day = specimen.collected_on or ""
    return day == latest or bool(day and latest.startswith(day))
