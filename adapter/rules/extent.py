"""How far has the disease gone, and was it so from the start? Table 3 and text of Jacene 2024; AJCC 8 for what is distant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.answers import About, Answer, Determined, Part, Undetermined
from adapter.facts.case import Case, Day, Fact, Specimen
from adapter.facts.measurements import Interval, exactly
from adapter.facts.vocabulary import Basis, Kind, Result, Side, SpecimenKind
from adapter.knowledge.shapes import Row
from adapter.rules.answering import conflicting, determined, flagged, undetermined, value_of
from adapter.rules.operators import Chosen, bands_for, distinct, look_up, reading
from adapter.rules.patient_setting import stage_of
from adapter.rules.tnm import Tnm, group_of, months_later

_LOCALLY_ADVANCED, _INFLAMMATORY, _METASTATIC = "locally-advanced", "inflammatory", "metastatic"
_DE_NOVO, _RECURRENT = "de-novo", "recurrent"
_M1 = "M1"
_NONE = "none"
_HUNDRED = 100


class Sites(NamedTuple):
    """The sites of secondary tumors on file: the facts of each kind, and the distant ones by name and by word for a count."""

    distant: tuple[Fact, ...]
    unclear: tuple[Fact, ...]
    names: tuple[str, ...]
    words: tuple[str, ...]


class Spread(NamedTuple):
    """What shows that the disease is metastatic: M1, a stage IV that was stated, or the sites of secondary tumors."""

    sites: Sites
    stated: tuple[Fact, ...]

    @property
    def evidence(self) -> tuple[Fact, ...]:
        """Everything that shows it."""
        return (*self.stated, *self.sites.distant)

    @property
    def day(self) -> Day | None:
        """The first day on which it was known."""
        return min((fact.taken_on for fact in self.evidence if fact.taken_on), default=None)


def is_origin_open(case: Case, spread: Spread) -> bool:
    """True when several primaries are on file and nothing that shows the spread names the one that it comes from."""
    # A Condition of both breasts names neither.
    primary = {one.reference for one in case.conditions if one.side is not Side.BILATERAL}
    named = primary | {fact.origin.reference for fact in spread.sites.distant if fact.focus in primary}
    return case.primaries > 1 and bool(spread.evidence) and not any(fact.focus in named or fact.side for fact in spread.evidence)


def extent_answers(case: Case, spread: Spread, answers: Sequence[Answer], tnms: Sequence[Tnm], chosen: Chosen) -> list[Answer]:
    """The extent of the disease and, where it is metastatic, since when; nothing where nothing was sent about either."""
    extent = _extent(case, spread, answers, tnms, chosen)
    if extent is None:
        return []
    if value_of(extent) != _METASTATIC:
        return [extent]
    return [extent, _presentation(case, spread, chosen)]


def spread_of(case: Case, chosen: Chosen) -> Spread:
    """What shows that this cancer has spread to distant sites."""
    groups = [(fact, group_of(fact, fact.basis, chosen)[0]) for fact in case.about("m-category")]
    # Two of one day that contradict each other say nothing.
    denied = {(fact.taken_on, fact.basis) for fact, group in groups if group not in (None, _M1)}
    m1 = tuple(fact for fact, group in groups if group == _M1 and (fact.taken_on, fact.basis) not in denied)
    without = [fact for fact, group in groups if group not in (None, _M1)]
    sites = _sites(case, without, chosen)
    stated = tuple(fact for fact in case.about("stage-group", "anatomic-stage-group") if fact.value == "IV")
    return Spread(sites, m1 if m1 or sites.distant else stated)


def _sites(case: Case, without: Sequence[Fact], chosen: Chosen) -> Sites:
    """The sites on file; tissue of a distant site shows spread unless an M0 of its day or later speaks against it."""
    words = chosen.rule("distant-sites").words
    sent = case.about("metastasis-site")
    specimens = [one for one in case.specimens if _is_distant(one, words["distant"]) and not _is_denied(one, without)]
    tissue = [fact for one in specimens for fact in case.facts_of(one.key)[:1]]
    distant = tuple(fact for fact in sent if fact.value in words["distant"])
    settled = (*words["distant"], *words["regional"])
    names = {(fact.value or "", fact.lesion or fact.value or "") for fact in distant}
    # Tissue alone shows one site and says nothing of how many there are.
    names |= {(one.body_site or "", one.body_site or "") for one in specimens} if names else set()
    # A bone without a name is no further site beside a bone with one.
    exact = {word for word, name in names if word != name}
    kept = sorted((word, name) for word, name in names if word != name or word not in exact)
    return Sites(
        distant=(*distant, *tissue),
        unclear=tuple(fact for fact in sent if fact.value not in settled),
        names=tuple(name for _, name in kept),
        words=tuple(word for word, _ in kept),
    )


def _is_denied(specimen: Specimen, without: Iterable[Fact]) -> bool:
    """True when an M0 is not older than the specimen, or nobody says which is older."""
    return any(fact.taken_on is None or specimen.collected_on is None or fact.taken_on >= specimen.collected_on for fact in without)


def _is_distant(specimen: Specimen, words: Sequence[str]) -> bool:
    return specimen.kind is SpecimenKind.METASTASIS and specimen.body_site in words


def _extent(case: Case, spread: Spread, answers: Sequence[Answer], tnms: Sequence[Tnm], chosen: Chosen) -> Answer | None:
    if spread.evidence:
        return _metastatic(case, spread, chosen)
    local = _local(case, answers, tnms, chosen)
    if not spread.sites.unclear:
        return local
    about, rule = About(result=Result.DISEASE_EXTENT), chosen.rule("disease-extent")
    used = [*spread.sites.unclear, *(local.used if local else ())]
    because = "a secondary tumor is on file, and what was sent does not say whether its site is regional or distant"
    missing = ["the site of the secondary tumor"]
    if local is None:
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=missing)
    value = value_of(local)
    possible = [*((value,) if value is not None else local.possible), _METASTATIC]
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, local.flags, missing=[*missing, *local.missing], possible=possible)


def _metastatic(case: Case, spread: Spread, chosen: Chosen) -> Answer:
    about, rule = About(result=Result.DISEASE_EXTENT), chosen.rule("disease-extent")
    count = reading(case.about("distant-site-count"), "distant-site-count")
    recorded = len(spread.sites.names)
    used = [*spread.evidence, *count.used]
    names = ", ".join(name.replace("-", " ") for name in spread.sites.names)
    tissue = distinct(_site_of(fact, case) for fact in spread.sites.distant if fact.word != "metastasis-site")
    shown = [f"{fact.word.replace('-', ' ')} {fact.shown}" for fact in spread.stated]
    shown += [f"tissue of a distant site: {site.replace('-', ' ')}" for site in tissue] + ([f"sites recorded: {names}"] if names else [])
    if count.number is not None:
        shown.append(f"number of distant sites {count.number}")
    if count.conflicting:
        shown.append("the numbers of distant sites that were sent contradict each other")
    several = set(spread.sites.words) & set(chosen.rule("distant-sites").words["several"])
    number = count.number or (exactly(Decimal(recorded)) if recorded and not several and not count.conflicting else None)
    flags = [*_few(number, chosen), *_in_bone(spread.sites, number, chosen)]
    flags += ["sites-recorded"] if count.number is None and number is not None else []
    flags += ["origin-not-known"] if is_origin_open(case, spread) else []
    flags += ["sites-not-known"] if number is None else []
    answer = determined(about, rule, _METASTATIC, "; ".join(shown), used, flags)
    counted = number.exact if number is not None else None
    return answer.but(parts=(Part(name="distant-sites", number=counted),)) if counted is not None else answer


def _site_of(fact: Fact, case: Case) -> str:
    """The site of tissue: as its result names it, else its specimen."""
    specimen = case.specimen(fact.specimen)
    return fact.body_site or (specimen.body_site if specimen is not None else None) or ""


def _few(number: Interval | None, chosen: Chosen) -> list[str]:
    """Whether the sites are few, by the review's count; that there are none contradicts what shows the spread and says nothing."""
    bands = bands_for(chosen.rule("oligometastatic"), number) if number is not None else ()
    told = [band for band in bands if band.says != _NONE]
    return list(told[0].flags) if len(told) == 1 else []


def _in_bone(sites: Sites, number: Interval | None, chosen: Chosen) -> list[str]:
    """Whether all sites, or most of them, are bone; a number above what is recorded leaves sites that nobody named."""
    bone = [word for word in sites.words if word in chosen.rule("distant-sites").words["bone"]]
    if number is None or number.exact is None or not bone:
        return []
    total = max(number.exact, Decimal(len(sites.words)))
    if len(bone) == len(sites.words) and (total == len(bone) or set(sites.names) <= set(sites.words)):
        return ["bone-only"]
    limit = chosen.rule("bone-dominant").numbers["above_percent"]
    return ["bone-dominant"] if len(bone) * _HUNDRED > limit * total else []


def _local(case: Case, answers: Sequence[Answer], tnms: Sequence[Tnm], chosen: Chosen) -> Answer | None:
    """The extent without distant spread: inflammatory, else by the stage, with the findings that ask for a look."""
    stage = _stage(answers)
    asserted, findings = _inflammatory(case, tnms, chosen)
    if stage is None and not asserted and not findings:
        return None
    answer = _inflammatory_answer(stage, asserted, chosen) if asserted else _by_stage(case, stage, findings, chosen)
    if findings and not asserted:
        answer = flagged(answer.but(used=(*answer.used, *findings)), ["consider-inflammatory"])
    return answer


def _stage(answers: Sequence[Answer]) -> Answer | None:
    """The anatomic stage before treatment; where it is open, the pathological one if that is known; else what there is."""
    before = stage_of(answers)
    others = [one for one in answers if one.about.result is Result.ANATOMIC_STAGE and one is not before]
    pathological = next((one for one in others if one.about.basis is Basis.PATHOLOGICAL and value_of(one)), None)
    if before is None or (pathological is not None and value_of(before) is None):
        return pathological or next(iter(others), None)
    return before


def _inflammatory(case: Case, tnms: Sequence[Tnm], chosen: Chosen) -> tuple[list[Fact], list[Fact]]:
    """What asserts an inflammatory cancer, and the findings that alone do not."""
    words = chosen.rule("inflammatory-extent").words
    asserted = [fact for tnm in tnms if tnm.t.category in words["category"] for fact in tnm.t.used]
    asserted += [fact for fact in case.about("inflammatory-carcinoma") if fact.value == "positive"]
    asserted += [fact for fact in case.about("histology") if fact.value in words["histology"]]
    asserted += [_of_condition(one.reference, one.histology, case) for one in case.conditions if one.histology in words["histology"]]
    return asserted, [fact for fact in case.about(*words["findings"]) if fact.value == "positive"]


def _of_condition(reference: str, histology: str | None, case: Case) -> Fact:
    """The histology of a Condition as a fact."""
    origin = next(one.origin for one in case.conditions if one.reference == reference)
    return Fact(word="histology", value=histology, origin=origin)


def _inflammatory_answer(stage: Answer | None, asserted: Sequence[Fact], chosen: Chosen) -> Answer:
    about, rule = About(result=Result.DISEASE_EXTENT), chosen.rule("disease-extent")
    used = [*asserted, *(stage.used if stage else ())]
    reason = ", ".join(distinct(f"{fact.word.replace('-', ' ')} {fact.shown}" for fact in asserted))
    if stage is not None and value_of(stage) is not None:
        return determined(about, rule, _INFLAMMATORY, f"{reason}; anatomic stage {value_of(stage)}", used, ["locally-advanced"])
    because = f"{reason}; whether there is distant spread is not known"
    missing = stage.missing if stage is not None and stage.missing else ["M category"]
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=missing, possible=[_INFLAMMATORY, _METASTATIC])


def _by_stage(case: Case, stage: Answer | None, findings: Sequence[Fact], chosen: Chosen) -> Answer:
    about, rule = About(result=Result.DISEASE_EXTENT), chosen.rule("disease-extent")
    table = chosen.table(rule.id)
    if stage is None:
        because = "findings of an inflammatory cancer were sent, and no stage; only the diagnosis or T4d makes it one"
        return undetermined(about, rule, Kind.INDETERMINATE, because, findings, missing=["T, N and M category"])
    value = value_of(stage) or _in_place_of_stage(stage, chosen)
    if value is None:
        return _still_open(stage, [look_up(table, {"stage": one}) for one in stage.possible], chosen)
    cell = look_up(table, {"stage": value})
    if not isinstance(cell, Row) or cell.kind is not None:
        because = getattr(cell, "because", "")
        return undetermined(about, rule, Kind.NOT_APPLICABLE, because, stage.used)
    operability = reading(case.about("operability"), "operability")
    inoperable = operability.value == "inoperable"
    because = f"anatomic stage {value}" + (", inoperable at presentation" if inoperable else "")
    says = _LOCALLY_ADVANCED if inoperable else cell.says
    return determined(about, rule, says, because, [*stage.used, *operability.used], () if inoperable else cell.flags, row=cell)


def _in_place_of_stage(stage: Answer, chosen: Chosen) -> str | None:
    """The stage whose extent a disease has that is not staged, or None."""
    words = chosen.rule("extent-without-stage").words
    return words["stage"][0] if set(stage.flags) & set(words["flags"]) else None


def _still_open(stage: Answer, cells: Iterable[object], chosen: Chosen) -> Answer:
    """The extents that the stages still possible allow; one that they all share is known."""
    about, rule = About(result=Result.DISEASE_EXTENT), chosen.rule("disease-extent")
    rows = [cell for cell in cells if isinstance(cell, Row)]
    says = distinct(row.says for row in rows if row.kind is None)
    if isinstance(stage, Undetermined) and stage.kind is Kind.NOT_APPLICABLE:
        because = f"the stage before treatment is not known: {stage.because}"
        return undetermined(about, rule, Kind.INDETERMINATE, because, stage.used, missing=["T, N and M category before treatment"])
    if len(says) == 1 and all(row.kind is None for row in rows):
        because = f"every stage that is still possible ({', '.join(stage.possible)}) says the same"
        shared = [flag for flag in rows[0].flags if all(flag in row.flags for row in rows)]
        return determined(about, rule, says[0], because, stage.used, shared)
    missing = stage.missing or ("T, N and M category",)
    return undetermined(about, rule, Kind.INDETERMINATE, "the anatomic stage is not known", stage.used, missing=missing, possible=says)


def _presentation(case: Case, spread: Spread, chosen: Chosen) -> Answer:
    """Metastatic from the start, or recurrent: as stated, by a recurrence category, else by the months since the diagnosis."""
    about, rule = About(result=Result.METASTATIC_PRESENTATION), chosen.rule("metastatic-presentation")
    stated = reading(case.about("metastatic-presentation"), "metastatic-presentation")
    if stated.conflicting:
        return conflicting(about, rule, stated.used)
    if stated.value is not None:
        return determined(about, rule, stated.value, f"the sender states {stated.value}", stated.used)
    again = [fact for fact in case.about("t-category", "n-category", "m-category") if fact.basis is Basis.RECURRENCE]
    if again:
        return determined(about, rule, _RECURRENT, f"the category {again[0].shown} is that of a recurrence", again)
    months = int(chosen.rule("stage-window").numbers["months"])
    treated = _treated_long_before(case, spread.day, months)
    if treated is not None:
        return determined(about, rule, _RECURRENT, f"treated from {treated} on, metastasis found {spread.day}", spread.evidence)
    diagnosed, used = _diagnosed(case)
    last = months_later(diagnosed, months) if diagnosed else None
    if last is None or spread.day is None or (last.startswith(spread.day) and last != spread.day):
        missing = [*([] if spread.day else ["the day on which the metastasis was found"]), *([] if last else ["the day of the diagnosis"])]
        because = "the dates of the diagnosis and of the metastasis are not both known"
        return undetermined(
            about, rule, Kind.INDETERMINATE, because, [*used, *spread.evidence], missing=missing, possible=[_DE_NOVO, _RECURRENT]
        )
    value = _DE_NOVO if spread.day <= last else _RECURRENT
    because = f"diagnosed {diagnosed}, metastasis found {spread.day}"
    return determined(about, rule, value, because, [*used, *(fact for fact in spread.evidence if fact.taken_on == spread.day)])


def _treated_long_before(case: Case, found: Day | None, months: int) -> Day | None:
    """The first day of a treatment that began too early for the metastasis to belong to the first staging; later ones tell nothing."""
    days = [(one.started_on, months_later(one.started_on, months)) for one in case.treatments if one.started_on]
    early = [day for day, last in days if found is not None and last is not None and last < found and not found.startswith(last)]
    return min(early, default=None)


def _diagnosed(case: Case) -> tuple[Day | None, list[Fact]]:
    """The first day on which the primary is on file: its Condition, its T and N, its tissue."""
    staged = [fact for fact in case.about("t-category", "n-category") if fact.taken_on and fact.basis is not Basis.RECURRENCE]
    tissue = [one for one in case.specimens if one.kind is SpecimenKind.PRIMARY and one.collected_on]
    days = [one.recorded_on for one in case.conditions if one.recorded_on] + [fact.taken_on for fact in staged if fact.taken_on]
    days += [one.collected_on for one in tissue if one.collected_on]
    first = min(days, default=None)
    return first, [fact for fact in staged if fact.taken_on == first]


def is_metastatic(answers: Iterable[Answer]) -> bool:
    """True when one of these answers says that the disease is metastatic."""
    return any(
        isinstance(answer, Determined) and answer.value == _METASTATIC for answer in answers if answer.about.result is Result.DISEASE_EXTENT
    )
