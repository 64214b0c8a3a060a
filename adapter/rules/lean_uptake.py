"""SUVpeak by lean body mass where the sender gave it by body weight: converted for PERCIST with the weight and height of the scan's day."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.measurements import Interval
from adapter.facts.uptake import Derivation, Normalisation, Scan, Uptake
from adapter.knowledge.shapes import Rule
from adapter.rules.lean_body_mass import LeanBodyMass, lean_body_mass
from adapter.rules.operators import Chosen, reading
from adapter.rules.scans import Pictures, is_on_list, suited

_FORMULA = Normalisation.LEAN_BODY_MASS_JAMES
_HEAVY = (Normalisation.BODY_WEIGHT,)
_MM_A_CM = Decimal(10)
CONVERTED = "lean-body-mass-computed"


class LeanPictures(NamedTuple):
    """The pictures with the converted values, what is said of each converted scan, and why another could not be converted."""

    pictures: Pictures
    flags: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, str]


def lean_pictures(pictures: Pictures, sex: str | None, rule: Rule, chosen: Chosen) -> LeanPictures:
    """The pictures as the rule needs them; a lean value that was sent, of a lesion or of the liver, is never computed again."""
    flags: dict[str, tuple[str, ...]] = {}
    refused: dict[str, str] = {}
    scans, uptakes = list(pictures.images.scans), list(pictures.images.uptakes)
    for number, scan in enumerate(scans):
        if not is_on_list(rule, scan.tracer):
            continue
        mine = pictures.on(scan)
        sent = suited(mine, rule)
        is_heavy = not sent and any(_is_convertible(one) for one in mine)
        if not is_heavy and not (_names_body_weight(scan) and all(one.normalisation is _FORMULA for one in sent)):
            continue
        lean, share = _share(scan, sex, chosen)
        if share is None:
            refused |= {scan.key: lean.because} if is_heavy else {}
            continue
        flags[scan.key] = (CONVERTED, *lean.flags)
        scans[number] = _lean_scan(scan, share, with_unnamed=is_heavy)
        if is_heavy:
            uptakes = [_lean(one, share) if one.scan == scan.key and _is_convertible(one) else one for one in uptakes]
    changed = pictures.images.but(scans=tuple(scans), uptakes=tuple(uptakes))
    return LeanPictures(pictures._replace(images=changed), flags, refused)


def _names_body_weight(scan: Scan) -> bool:
    """True when the units of liver or blood pool say body weight."""
    return _HEAVY in (scan.liver_kinds, scan.blood_pool_kinds)


def _is_convertible(uptake: Uptake) -> bool:
    return uptake.normalisation is Normalisation.BODY_WEIGHT and uptake.derivation is Derivation.PEAK and uptake.value is not None


def _share(scan: Scan, sex: str | None, chosen: Chosen) -> tuple[LeanBodyMass, Decimal | None]:
    """The lean body mass on the day of the scan, and its share of the weight."""
    weight, height = (reading(scan.facts, word).number for word in ("body-weight", "body-height"))
    if weight is None or height is None or weight.exact is None or height.exact is None:
        return LeanBodyMass(None, f"weight and height on the day of the scan of {scan.day} are not known"), None
    lean = lean_body_mass(_FORMULA, sex, weight.exact, height.exact / _MM_A_CM, chosen)
    return lean, (lean.kg / weight.exact if lean.kg is not None else None)


def _lean(uptake: Uptake, share: Decimal) -> Uptake:
    return uptake.but(normalisation=_FORMULA, value=_times(uptake.value, share))


def _lean_scan(scan: Scan, share: Decimal, *, with_unnamed: bool) -> Scan:
    """Liver and blood pool, where their units say body weight, or say nothing beside lesions by body weight (`with_unnamed`)."""
    heavy = [_HEAVY, ()] if with_unnamed else [_HEAVY]
    changed: dict[str, object] = {}
    for tissue, named in (("liver", scan.liver_kinds), ("blood_pool", scan.blood_pool_kinds)):
        if named in heavy:
            changed |= {name: _times(getattr(scan, name), share) for name in (f"{tissue}_mean", f"{tissue}_sd")}
            changed[f"{tissue}_kinds"] = (_FORMULA,) if named else ()
    return scan.but(**changed)


def _times(number: Interval | None, share: Decimal) -> Interval | None:
    return None if number is None else number.times(share)
