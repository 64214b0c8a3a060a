"""What PET measured: scans of one tracer, lesions, and the uptake of each lesion on each scan (DICOM SUV concepts, R4 Observation).

The kind of an uptake value (maximum, mean, peak) and its normalisation come from codes only; a unit never tells them apart.
"""

from __future__ import annotations

from enum import StrEnum

from adapter.facts.case import Day, Fact
from adapter.facts.frozen import Plain
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Side


class Normalisation(StrEnum):
    """What the activity concentration was divided by; `lbm` is lean body mass by a formula that was not named."""

    BODY_WEIGHT = "bw"
    LEAN_BODY_MASS = "lbm"
    LEAN_BODY_MASS_JAMES = "lbm-james128"
    LEAN_BODY_MASS_JANMAHASATIAN = "lbm-janma"
    BODY_SURFACE_AREA = "bsa"
    IDEAL_BODY_WEIGHT = "ibw"

    @property
    def spelt(self) -> str:
        """What a person calls it."""
        return _SPELT[self]


class Derivation(StrEnum):
    """Which value of the region was taken."""

    MAXIMUM = "maximum"
    MEAN = "mean"
    PEAK = "peak"


_SHORT = {Derivation.MAXIMUM: "max", Derivation.MEAN: "mean", Derivation.PEAK: "peak"}
_SPELT = {
    Normalisation.BODY_WEIGHT: "body weight",
    Normalisation.LEAN_BODY_MASS: "lean body mass",
    Normalisation.LEAN_BODY_MASS_JAMES: "lean body mass (James)",
    Normalisation.LEAN_BODY_MASS_JANMAHASATIAN: "lean body mass (Janmahasatian)",
    Normalisation.BODY_SURFACE_AREA: "body surface area",
    Normalisation.IDEAL_BODY_WEIGHT: "ideal body weight",
}


class Presence(StrEnum):
    """What a scan says of a lesion beside or instead of a number."""

    MEASURED = "measured"
    RESOLVED = "resolved"
    NEW = "new-lesion"
    NOT_COVERED = "not-covered"
    NOT_MEASURED = "not-measured"


class Scan(Plain, frozen=True, kw_only=True):
    """One PET scan of one tracer on one day, with what decides whether it may be compared; None is what was not sent.

    Minutes from injection to scan, mg/dL, MBq; liver and blood pool in the scan's own SUV kind, unless `liver_kinds` and
    `blood_pool_kinds` say what their units named.
    """

    key: str
    tracer: str | None
    day: Day | None
    study: str | None = None
    scanner: str | None = None
    uptake_minutes: Interval | None = None
    fasting_minutes: Interval | None = None
    glucose_mg_dl: Interval | None = None
    activity_mbq: Interval | None = None
    liver_mean: Interval | None = None
    liver_sd: Interval | None = None
    blood_pool_mean: Interval | None = None
    blood_pool_sd: Interval | None = None
    liver_kinds: tuple[Normalisation, ...] = ()
    blood_pool_kinds: tuple[Normalisation, ...] = ()
    facts: tuple[Fact, ...] = ()


class Lesion(Plain, frozen=True, kw_only=True):
    """One lesion, recognised again on the next scan by its key."""

    key: str
    reference: str | None = None
    site: str | None = None
    side: Side | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """What a person calls the lesion: its label, else its place, else its key."""
        place = " ".join(word for word in (self.side, (self.site or "").replace("-", " ")) if word)
        return self.label or place or self.key


class Uptake(Plain, frozen=True, kw_only=True):
    """The uptake of one lesion on one scan, or what the scan says instead of a number.

    `avid` is the reader's own call (interpretation POS or NEG); `size_mm` the lesion on CT and `glycolysis_g` its
    uptake times its volume where they were sent;
    `background` the uptake of the background of a lesion-to-background ratio, with its name in `background_site`.
    """

    scan: str
    lesion: str
    presence: Presence
    value: Interval | None = None
    normalisation: Normalisation | None = None
    derivation: Derivation | None = None
    avid: bool | None = None
    size_mm: Interval | None = None
    glycolysis_g: Interval | None = None
    background: Interval | None = None
    background_site: str | None = None
    facts: tuple[Fact, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of value as a person writes it: SUVmax by body weight."""
        short = f"SUV{_SHORT[self.derivation]}" if self.derivation else "SUV of unknown kind"
        return f"{short} by {self.normalisation.spelt}" if self.normalisation else f"{short}, normalisation not known"


class Images(Plain, frozen=True, kw_only=True):
    """All PET of one case, scans in time order whatever the order of arrival."""

    scans: tuple[Scan, ...] = ()
    lesions: tuple[Lesion, ...] = ()
    uptakes: tuple[Uptake, ...] = ()
