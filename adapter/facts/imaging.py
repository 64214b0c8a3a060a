"""From the facts of a case to its scans, lesions and uptakes: what was measured where, when and with which tracer?

Nothing here depends on the order in which the facts arrived. A tracer, a scan or a lesion that could be two things is left unnamed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from adapter.facts.case import Case, Day, Fact
from adapter.facts.frozen import Plain
from adapter.facts.measurements import Interval
from adapter.facts.uptake import Derivation, Images, Lesion, Normalisation, Presence, Scan, Uptake

# The words of the uptake topic: the SUV codes with what each was divided by, and what may stand beside them.
_NORMALISATIONS: dict[str, Normalisation | None] = {"suv": None} | {f"suv-{one}": one for one in Normalisation}
_BESIDE = (
    "derivation normalisation lesion-state lesion-label lesion-size lesion-glycolysis background-uptake background-site "
    "lesion-to-background-ratio"
).split()
# An Observation without one of these says nothing of uptake.
_ANCHORS = frozenset((*_NORMALISATIONS, "lesion-state", "lesion-to-background-ratio"))
_LESION_WORDS = frozenset((*_NORMALISATIONS, *_BESIDE))
_TRACER, _SCANNER, _GLYCOLYSIS = "radiopharmaceutical", "scanner", "lesion-glycolysis"
# The words of the scan topic, and the field of a scan that each fills.
_CONDITIONS = {
    "uptake-time": "uptake_minutes",
    "fasting-time": "fasting_minutes",
    "blood-glucose": "glucose_mg_dl",
    "injected-activity": "activity_mbq",
    "liver-mean": "liver_mean",
    "liver-sd": "liver_sd",
    "blood-pool-mean": "blood_pool_mean",
    "blood-pool-sd": "blood_pool_sd",
}
# These describe the patient, so they hold for every scan of their day.
_OF_THE_PATIENT = frozenset({"blood-glucose", "body-weight", "body-height"})
_SCAN_WORDS = frozenset((*_CONDITIONS, *_OF_THE_PATIENT, _TRACER, _SCANNER))
_SITE_KEY = "site-"


class _Reading(Plain, frozen=True, kw_only=True):
    """What one Observation says of one lesion, with its scan as far as it names it."""

    reference: str
    facts: tuple[Fact, ...]
    lesion: str | None
    day: Day | None
    study: str | None
    tracer: str | None = None

    def all(self, *words: str) -> tuple[Fact, ...]:
        """The facts with one of these words."""
        return tuple(fact for fact in self.facts if fact.word in words)


def images(case: Case) -> Images:
    """Everything that PET showed of this case, scans in time order."""
    return images_of(case.facts)


def images_of(facts: Iterable[Fact]) -> Images:
    """The scans, lesions and uptakes that these facts tell of."""
    of_images = [fact for fact in facts if fact.word in _SCAN_WORDS or fact.word in _LESION_WORDS]
    ordered = sorted(of_images, key=lambda fact: (fact.origin.reference, fact.word, fact.shown, fact.origin.path))
    scan_facts = [fact for fact in ordered if fact.word in _SCAN_WORDS]
    told = _tracers_told(scan_facts)
    readings = _with_tracers(_readings(ordered, told), scan_facts, told)
    by_scan = _by_scan(readings)
    described = _by_described(scan_facts, by_scan, told)
    scans = tuple(_scan(key, mine, described[key]) for key, mine in by_scan.items())
    uptakes = tuple(uptake for key, mine in by_scan.items() for uptake in _uptakes(key, mine))
    return Images(scans=scans, lesions=_lesions(by_scan), uptakes=uptakes)


def _tracers_told(scan_facts: Iterable[Fact]) -> dict[str, str | None]:
    """The one tracer that each Observation names; None where it names two."""
    told: dict[str, set[str | None]] = defaultdict(set)
    for fact in scan_facts:
        if fact.word == _TRACER:
            told[fact.origin.reference].add(fact.value)
    return {reference: _one(values) for reference, values in told.items()}


def _readings(facts: Sequence[Fact], told: Mapping[str, str | None]) -> list[_Reading]:
    """One reading for each Observation that speaks of a lesion."""
    groups: Mapping[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.word in _LESION_WORDS:
            groups[fact.origin.reference].append(fact)
    aside = {reference: mine for reference, mine in groups.items() if not any(fact.word in _ANCHORS for fact in mine)}
    groups = {reference: mine + _of_the_same(mine, aside.values()) for reference, mine in groups.items() if reference not in aside}
    return [
        _Reading(
            reference=reference,
            facts=tuple(mine),
            lesion=_lesion_key(mine),
            day=min((fact.taken_on for fact in mine if fact.taken_on), default=None),
            study=min((fact.study for fact in mine if fact.study), default=None),
            tracer=told.get(reference),
        )
        for reference, mine in groups.items()
    ]


def _of_the_same(facts: Sequence[Fact], aside: Iterable[Sequence[Fact]]) -> list[Fact]:
    """What Observations without an SUV or a state (a size on CT) say of this lesion on this day; alone they are no reading of PET."""
    lesion, days = _lesion_key(facts), {fact.taken_on for fact in facts}
    same = [other for other in aside if lesion is not None and _lesion_key(other) == lesion]
    return [fact for other in same for fact in other if fact.taken_on in days and (fact.word != _GLYCOLYSIS or _is_of_scan(fact, facts))]


def _is_of_scan(fact: Fact, facts: Sequence[Fact]) -> bool:
    """True unless the studies part: two tracers of one day have each a glycolysis of their own, while a size on CT serves both."""
    studies = {other.study for other in facts} - {None}
    return fact.study is None or not studies or fact.study in studies


def _one(values: Iterable[str | None]) -> str | None:
    """The one value, or None when there is none or more than one."""
    distinct = {value for value in values if value is not None}
    return distinct.pop() if len(distinct) == 1 else None


def _lesion_key(facts: Sequence[Fact]) -> str | None:
    """The lasting name of the lesion: a BodyStructure before a label, a label before a site."""
    named = sorted({fact.lesion for fact in facts if fact.lesion is not None})
    exact = [key for key in named if not key.startswith(_SITE_KEY)]
    labels = sorted({fact.shown for fact in facts if fact.word == "lesion-label"})
    label = "-".join(["label", *labels[0].lower().split()]) if labels else None
    return next(iter(exact), None) or label or next(iter(named), None)


def _with_tracers(readings: Sequence[_Reading], scan_facts: Sequence[Fact], told: Mapping[str, str | None]) -> list[_Reading]:
    """Each reading with its tracer: its own, else the one tracer of its study, else the one that was given on its day."""
    days_of_study: dict[str | None, set[Day | None]] = defaultdict(set)
    for reading in readings:
        days_of_study[reading.study].add(reading.day)
    given = [fact for fact in scan_facts if fact.word == _TRACER]
    lesions = {reading.reference for reading in readings}
    found = []
    for reading in readings:
        clear = len(days_of_study[reading.study]) == 1
        of_study = [fact for fact in given if _shares_study(fact, reading, one_day=clear)]
        of_day = [fact for fact in given if fact.origin.reference not in lesions and _shares_day(fact, reading)]
        tracer = reading.tracer
        if tracer is None and reading.reference not in told:
            tracer = _one(fact.value for fact in (of_study or of_day))
        found.append(reading.but(tracer=tracer))
    return found


def _shares_study(fact: Fact, reading: _Reading, *, one_day: bool) -> bool:
    """True when a fact belongs to the study of a reading; a report of two days speaks of its own day only."""
    return reading.study is not None and fact.study == reading.study and (one_day or fact.taken_on in (None, reading.day))


def _shares_day(fact: Fact, reading: _Reading) -> bool:
    if reading.day is None or fact.taken_on != reading.day:
        return False
    return fact.study is None or reading.study is None or fact.study == reading.study


def _by_scan(readings: Sequence[_Reading]) -> dict[str, list[_Reading]]:
    """The readings of each scan under its lasting key, scans in time order: one for each tracer and day, apart by study."""
    studies: dict[tuple[str | None, Day | None], set[str]] = defaultdict(set)
    for reading in readings:
        if reading.study is not None:
            studies[(reading.tracer, reading.day)].add(reading.study)
    grouped: dict[tuple[str, str, str], list[_Reading]] = defaultdict(list)
    for reading in readings:
        known = studies[(reading.tracer, reading.day)]
        study = next(iter(known)) if len(known) == 1 else reading.study
        grouped[(reading.day or "undated", reading.tracer or "tracer-unknown", study or "")].append(reading)
    names = [(day, tracer) for day, tracer, _ in grouped]
    scans = {}
    for day, tracer, study in sorted(grouped):
        apart = [study] if names.count((day, tracer)) > 1 and study else []
        scans["-".join([tracer, day, *apart])] = grouped[(day, tracer, study)]
    return scans


def _by_described(
    scan_facts: Iterable[Fact], by_scan: Mapping[str, Sequence[_Reading]], told: Mapping[str, str | None]
) -> dict[str, list[Fact]]:
    """The facts that describe each scan."""
    owners: dict[str, list[str]] = defaultdict(list)
    for key, reading in ((key, reading) for key, mine in by_scan.items() for reading in mine):
        owners[reading.reference].append(key)
    described: dict[str, list[Fact]] = {key: [] for key in by_scan}
    for fact in scan_facts:
        own = owners.get(fact.origin.reference) or _scans_of(fact, by_scan, told.get(fact.origin.reference))
        for key in dict.fromkeys(own):
            described[key].append(fact)
    return described


def _scan(key: str, readings: Sequence[_Reading], mine: Sequence[Fact]) -> Scan:
    first = readings[0]
    numbers = {field: _covering(fact.number for fact in mine if fact.word == word) for word, field in _CONDITIONS.items()}
    scanners = sorted({fact.shown for fact in mine if fact.word == _SCANNER})
    return Scan(
        key=key,
        tracer=first.tracer,
        day=first.day,
        study=min((reading.study for reading in readings if reading.study), default=None),
        scanner=" and ".join(scanners) or None,
        liver_kinds=_kinds_named(mine, "liver-mean", "liver-sd"),
        blood_pool_kinds=_kinds_named(mine, "blood-pool-mean", "blood-pool-sd"),
        facts=tuple(mine),
        **numbers,
    )


def _kinds_named(facts: Iterable[Fact], *words: str) -> tuple[Normalisation, ...]:
    """What the units of these facts say that the uptake was divided by; most say nothing."""
    named = {_NORMALISATIONS.get(suffix) for fact in facts if fact.word in words for suffix in fact.suffixes}
    return tuple(sorted(kind for kind in named if kind is not None))


def _scans_of(fact: Fact, by_scan: Mapping[str, Sequence[_Reading]], tracer: str | None) -> list[str]:
    """The scans that a fact outside their own Observations describes: the one of its study, else of its day when that is one scan."""
    fits = {key: mine for key, mine in by_scan.items() if tracer is None or mine[0].tracer in (None, tracer)}
    of_study = [key for key, mine in fits.items() if fact.study and any(reading.study == fact.study for reading in mine)]
    if of_study and fact.study:
        on_day = [key for key in of_study if fact.taken_on in (None, fits[key][0].day)]
        return on_day or (of_study if len(of_study) == 1 else [])
    of_day = [key for key, mine in fits.items() if fact.taken_on is not None and mine[0].day == fact.taken_on]
    return of_day if len(of_day) == 1 or fact.word in _OF_THE_PATIENT else []


def _covering(numbers: Iterable[Interval | None]) -> Interval | None:
    """The one interval that was sent, or the smallest that holds all of them: two values for one thing leave it open which is right."""
    known = [number for number in numbers if number is not None]
    if len(set(map(str, known))) <= 1:
        return known[0] if known else None
    lows, highs = [number.low for number in known], [number.high for number in known]
    return Interval(
        low=None if None in lows else min(low for low in lows if low is not None),
        high=None if None in highs else max(high for high in highs if high is not None),
    )


def _uptakes(scan: str, readings: Sequence[_Reading]) -> list[Uptake]:
    """The uptakes of one scan: one for each lesion and kind of value, or one without a kind where no value was sent."""
    by_lesion: dict[str, list[_Reading]] = defaultdict(list)
    for number, reading in enumerate(readings):
        by_lesion[_key(reading, scan, number)].append(reading)
    return [uptake for lesion in sorted(by_lesion) for uptake in _of_lesion(scan, lesion, by_lesion[lesion])]


def _key(reading: _Reading, scan: str, number: int) -> str:
    """The lesion's key; one that nothing names is known on this scan alone, so that it is never taken for one of another scan."""
    return reading.lesion or f"unnamed-{scan}-{number + 1}"


def _of_lesion(scan: str, lesion: str, readings: Sequence[_Reading]) -> list[Uptake]:
    facts = [fact for reading in readings for fact in reading.facts]
    kinds: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for reading in readings:
        for fact in reading.all(*_NORMALISATIONS):
            kinds[(_normalisation(fact, reading) or "", _beside(fact, "derivation", reading) or "")].append(fact)
    return [_uptake(scan, lesion, facts, kind, values) for kind, values in sorted(kinds.items()) or [(("", ""), [])]]


def _normalisation(fact: Fact, reading: _Reading) -> str | None:
    """What the code names; a code that names nothing takes it from the method."""
    known = _NORMALISATIONS[fact.word]
    return known.value if known is not None else _beside(fact, "normalisation", reading)


def _beside(fact: Fact, word: str, reading: _Reading) -> str | None:
    """The value of this word that stands with the SUV itself, else with its Observation; not the one of another SUV beside it."""
    mine = {other.value for other in reading.all(word) if other.origin.path == fact.origin.path}
    others = {other.origin.path for other in reading.all(*_NORMALISATIONS)}
    shared = {other.value for other in reading.all(word) if other.origin.path not in others}
    # One that the Observation says twice, in two ways, is not known.
    return _one(mine | shared)


def _uptake(scan: str, lesion: str, facts: Sequence[Fact], kind: tuple[str, str], values: Sequence[Fact]) -> Uptake:
    states = {fact.value for fact in facts if fact.word == "lesion-state"}
    value = _covering(fact.number for fact in values)
    normalisation, derivation = kind
    return Uptake(
        scan=scan,
        lesion=lesion,
        presence=_presence(states, value),
        value=value,
        normalisation=Normalisation(normalisation) if normalisation else None,
        derivation=Derivation(derivation) if derivation else None,
        avid=_avid(states),
        size_mm=_covering(fact.number for fact in facts if fact.word == "lesion-size"),
        glycolysis_g=_covering(fact.number for fact in facts if fact.word == "lesion-glycolysis"),
        background=_covering(fact.number for fact in facts if fact.word == "background-uptake"),
        background_site=_one(fact.shown for fact in facts if fact.word == "background-site"),
        facts=tuple(fact for fact in facts if fact.word not in _NORMALISATIONS or fact in values),
    )


def _avid(states: set[str | None]) -> bool | None:
    """The reader's own call; two that contradict each other are none."""
    calls = states & {"positive", "negative"}
    return "positive" in calls if len(calls) == 1 else None


def _presence(states: set[str | None], value: Interval | None) -> Presence:
    """What the reader said of the lesion; a value shows that it was in the field of view."""
    if Presence.RESOLVED in states:
        return Presence.RESOLVED
    if Presence.NEW in states:
        return Presence.NEW
    if value is not None:
        return Presence.MEASURED
    return Presence.NOT_COVERED if Presence.NOT_COVERED in states else Presence.NOT_MEASURED


def _lesions(by_scan: Mapping[str, Sequence[_Reading]]) -> tuple[Lesion, ...]:
    """Every lesion once, with what any of its readings says of it, the earliest first."""
    facts: dict[str, list[Fact]] = defaultdict(list)
    for scan, readings in by_scan.items():
        for number, reading in enumerate(readings):
            facts[_key(reading, scan, number)] += reading.facts
    return tuple(
        Lesion(
            key=key,
            reference=next((fact.body_structure for fact in mine if fact.body_structure), None),
            site=next((fact.body_site for fact in mine if fact.body_site), None),
            side=next((fact.side for fact in mine if fact.side), None),
            label=next((fact.shown for fact in mine if fact.word == "lesion-label"), _label(key, mine)),
        )
        for key, mine in sorted(facts.items())
    )


def _label(key: str, facts: Sequence[Fact]) -> str:
    """The words of a site's name where a text was added to it, so that two lesions of one organ are not called the same."""
    place = {"-".join(part for part in (fact.body_site, fact.side) if part) for fact in facts}
    words = key.removeprefix(_SITE_KEY)
    return words.replace("-", " ") if key.startswith(_SITE_KEY) and words not in place else ""
