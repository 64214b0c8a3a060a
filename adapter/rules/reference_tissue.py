"""Do liver and blood pool stand in the kind of value of the lesions beside them? Kinds of SUV are not interchangeable (QIBA FDG 1.14)."""

from __future__ import annotations

from collections.abc import Iterable

from adapter.facts.uptake import Normalisation, Scan, Uptake
from adapter.rules.comparability import Finding, Gate, State


def kinds_of(uptakes: Iterable[Uptake]) -> frozenset[Normalisation]:
    """What these values were divided by."""
    return frozenset(one.normalisation for one in uptakes if one.normalisation is not None)


def are_unlike(named: tuple[Normalisation, ...], lesions: frozenset[Normalisation]) -> bool:
    """True when the units of a tissue name another kind than that of the lesions, or two; units that name none are taken for theirs."""
    return bool(named) and (len(named) > 1 or not lesions.issuperset(named))


def tissue_gate(scan: Scan, lesions: frozenset[Normalisation]) -> Gate:
    """Whether the liver can be held against the lesions; a blood pool of another kind is left out, and the reader is told."""
    findings = []
    if are_unlike(scan.liver_kinds, lesions):
        wanted = f"mean and standard deviation of the liver by {_spelt(lesions)} on the scan of {scan.day}"
        if scan.liver_kinds == (Normalisation.BODY_WEIGHT,) and Normalisation.LEAN_BODY_MASS_JAMES in lesions:
            wanted = f"{wanted}, or weight and height on that day and the sex"
        findings.append(Finding(State.REFUSE, _unlike("liver", scan, scan.liver_kinds, lesions), (), wanted))
    if are_unlike(scan.blood_pool_kinds, lesions):
        findings.append(Finding(State.WARNINGS, f"{_unlike('blood pool', scan, scan.blood_pool_kinds, lesions)}, so it is not used"))
    return Gate(tuple(findings))


def with_like_pool(scan: Scan, lesions: frozenset[Normalisation]) -> Scan:
    """The scan without a blood pool that cannot be held against the lesions."""
    return scan.but(blood_pool_mean=None, blood_pool_sd=None) if are_unlike(scan.blood_pool_kinds, lesions) else scan


def _unlike(tissue: str, scan: Scan, named: Iterable[Normalisation], lesions: Iterable[Normalisation]) -> str:
    return f"the {tissue} of the scan of {scan.day} was sent by {_spelt(named)} and the lesions by {_spelt(lesions)}"


def _spelt(kinds: Iterable[Normalisation]) -> str:
    return " and ".join(kind.spelt for kind in sorted(kinds))
