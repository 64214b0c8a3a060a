"""From facts to cases: which cancer does each fact speak of, and which tissue does it belong to?

Left and right are two cases. A fact that could belong to two cancers belongs to none, and says so. Everything is put into one order
first, by day and content, so that the order of what was sent changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from adapter.facts.case import Case, Condition, Fact, Issue, Patient, Specimen, Treatment, all_in_situ
from adapter.facts.frozen import Plain
from adapter.facts.genomics import inherited_references
from adapter.facts.vocabulary import Basis, Sampling, Severity, Side, SpecimenKind, Timing

_WHOLE_DAY = len("2018-03-16")
_SIDES = (Side.LEFT, Side.RIGHT)
_METASTASIS = "metastasis-site"
_SAMPLING = {"biopsy": Sampling.BIOPSY, "anatomic-pathology": Sampling.RESECTION}


class OtherCondition(NamedTuple):
    """A Condition on file that is no primary breast cancer; `belongs` for a metastasis, which is of the breast cancer there is."""

    reference: str
    belongs: bool


class Gathered(Plain, frozen=True, kw_only=True):
    """The cases, and an issue for every fact that belongs to none."""

    cases: tuple[Case, ...]
    issues: tuple[Issue, ...] = ()


class _Draft:
    """A case while it is being filled."""

    def __init__(self, side: Side | None, conditions: Sequence[Condition]) -> None:
        self.side, self.conditions = side, tuple(conditions)
        self.shares_conditions = any(condition.side is Side.BILATERAL for condition in conditions)
        self.facts: list[Fact] = []

    @property
    def key(self) -> str:
        """The lasting name: the first condition's, with the side where one condition stands in two cases."""
        if not self.conditions:
            return f"no-condition-{self.side}" if self.side else "no-condition"
        first = min(condition.key for condition in self.conditions)
        return f"{first}-{self.side}" if self.shares_conditions else first


def gather(
    patient: Patient,
    facts: Sequence[Fact],
    *,
    conditions: Sequence[Condition] = (),
    other_conditions: Sequence[OtherCondition] = (),
    other_cancer: bool = False,
    specimens: Sequence[Specimen] = (),
    treatments: Sequence[Treatment] = (),
    tissue_words: frozenset[str] = frozenset(),
    shared_words: frozenset[str] = frozenset(),
) -> Gathered:
    """The cases of one patient; a shared word that names no cancer, and what is inherited, belong to every case."""
    facts, conditions, treatments = _in_order(facts, conditions, treatments)
    by_reference = {specimen.reference: specimen for specimen in specimens if specimen.reference}
    ours, issues = _of_breast(_with_site(facts), conditions, other_conditions, other_cancer=other_cancer)
    drafts = _drafts(conditions, ours, by_reference)
    placed = {condition.reference for draft in drafts for condition in draft.conditions}
    issues += [_left_out(condition) for condition in conditions if condition.reference not in placed]
    spreading = [draft for draft in drafts if not all_in_situ(draft.conditions)] or drafts
    issues += _hand_out(ours, drafts, spreading, by_reference, shared_words, tissue_words)
    kept = [draft for draft in drafts if draft.facts or draft.conditions]
    cases = (_case(patient, draft, by_reference, treatments, tissue_words) for draft in kept)
    primaries = sum(draft in spreading for draft in kept)
    return Gathered(cases=tuple(case.but(primaries=primaries) for case in cases), issues=tuple(issues))


def _hand_out(
    facts: Sequence[Fact],
    drafts: Sequence[_Draft],
    spreading: Sequence[_Draft],
    specimens: Mapping[str, Specimen],
    shared_words: frozenset[str],
    tissue_words: frozenset[str],
) -> list[Issue]:
    """Puts each fact into its case, or into all; a metastasis that could come from any is of every cancer that is not in situ."""
    focused, inherited, origins = _focus_of_members(facts), inherited_references(facts), _origins(facts)
    issues: list[Issue] = []
    for fact in facts:
        draft = _draft_for(fact, drafts, specimens, focused, origins)
        of_patient = fact.word in shared_words and (draft is None or not (fact.focus or _side(fact, specimens)))
        of_metastasis = fact.word == _METASTASIS or (fact.word in tissue_words and _is_of_metastasis(fact, specimens))
        if of_patient or fact.origin.reference in inherited or (draft is None and of_metastasis):
            for every in spreading if of_metastasis else drafts:
                every.facts.append(fact)
        elif draft is None:
            text = "two cancers are on file and it names neither; send focus, bodySite or a specimen with a side"
            issues.append(_issue(fact, "side-unknown", text))
        else:
            draft.facts.append(fact)
    return issues


def _in_order(
    facts: Iterable[Fact], conditions: Iterable[Condition], treatments: Iterable[Treatment]
) -> tuple[list[Fact], list[Condition], list[Treatment]]:
    return (
        sorted(facts, key=lambda fact: (fact.taken_on or "", fact.word, fact.shown, fact.basis, fact.status, fact.origin.reference)),
        sorted(conditions, key=lambda condition: (condition.key, condition.reference)),
        sorted(treatments, key=lambda treatment: (treatment.started_on or "", treatment.kind, treatment.origin.reference)),
    )


def _with_site(facts: Sequence[Fact]) -> list[Fact]:
    """Each fact with the site of the secondary tumor that it is about, where it names no site itself."""
    sites = {fact.origin.reference: fact.value for fact in facts if fact.word == _METASTASIS}
    return [fact.but(body_site=sites[fact.focus]) if fact.focus in sites and fact.body_site is None else fact for fact in facts]


def _of_breast(
    facts: Sequence[Fact], conditions: Sequence[Condition], others: Sequence[OtherCondition], *, other_cancer: bool
) -> tuple[list[Fact], list[Issue]]:
    """The facts that can be about a breast cancer, and an issue for each of the others."""
    known = {condition.reference for condition in conditions}
    foreign = {other.reference for other in others if not other.belongs}
    unsent = {fact.focus for fact in facts if "Condition/" in (fact.focus or "")} - known - {other.reference for other in others}
    ours: list[Fact] = []
    issues: list[Issue] = []
    for fact in facts:
        if fact.focus in foreign:
            issues.append(_issue(fact, "about-another-condition", "it is about another condition, not a breast cancer"))
        elif fact.focus in unsent and (known or len(unsent) > 1):
            issues.append(_issue(fact, "about-another-condition", "it is about a Condition that was not sent; send it"))
        elif other_cancer and not conditions:
            issues.append(_issue(fact, "about-another-condition", "only another cancer is on file and it names no condition"))
        else:
            ours.append(fact)
    return ours, issues


def _left_out(condition: Condition) -> Issue:
    text = "the Condition is in no case: cancers of both sides are on file and it names no side; send bodySite"
    return Issue(code="side-unknown", severity=Severity.WARNING, text=text, place=condition.origin)


def _issue(fact: Fact, code: str, text: str) -> Issue:
    return Issue(code=code, severity=Severity.WARNING, text=f"{fact.word} is not used: {text}", place=fact.origin)


def _drafts(conditions: Sequence[Condition], facts: Sequence[Fact], specimens: Mapping[str, Specimen]) -> list[_Draft]:
    """One draft for each side that a condition or a fact of the breast names, or one without a side."""
    named = {side for condition in conditions for side in _sides_of(condition.side)}
    shown = {side for fact in facts for side in _sides_of(_side(fact, specimens))}
    unsided = [condition for condition in conditions if condition.side is None]
    sides = named | (shown if named or len(shown) > 1 or not conditions else set())
    if not sides:
        # One unnamed side: the facts may still show which it is.
        return [_Draft(next(iter(shown), None), conditions)] if conditions or facts else []
    drafts = [_Draft(side, [one for one in conditions if side in _sides_of(one.side)]) for side in _SIDES if side in sides]
    if len(drafts) == 1 or not named:
        for draft in drafts:
            draft.conditions += tuple(unsided)
            draft.shares_conditions |= len(drafts) > 1
    return drafts


def _sides_of(side: Side | None) -> tuple[Side, ...]:
    if side is Side.BILATERAL:
        return _SIDES
    return (side,) if side else ()


def _side(fact: Fact, specimens: Mapping[str, Specimen]) -> Side | None:
    """The side of the breast that a fact or its specimen names; a distant site has sides of its own that say nothing here."""
    specimen = specimens.get(fact.specimen or "")
    if specimen is not None and specimen.kind is SpecimenKind.METASTASIS:
        return None
    side = fact.side if fact.body_site in (None, "breast") or str(fact.body_site).endswith("-nodes") else None
    return side or (specimen.side if specimen else None)


def _focus_of_members(facts: Iterable[Fact]) -> dict[str, str]:
    """For each Observation that a focused group has as a member (T, N, M of a stage group): the group's focus."""
    return {member: fact.focus for fact in facts if fact.focus for member in fact.members}


def _origins(facts: Iterable[Fact]) -> dict[str, str]:
    """For each secondary cancer that names its primary: that primary."""
    return {fact.origin.reference: fact.focus for fact in facts if fact.word == _METASTASIS and fact.focus}


def _is_of_metastasis(fact: Fact, specimens: Mapping[str, Specimen]) -> bool:
    specimen = specimens.get(fact.specimen or "")
    kind = specimen.kind if specimen is not None else SpecimenKind.UNKNOWN
    return (kind if kind is not SpecimenKind.UNKNOWN else kind_of(fact.body_site)) is SpecimenKind.METASTASIS


def _draft_for(
    fact: Fact, drafts: Sequence[_Draft], specimens: Mapping[str, Specimen], focused: Mapping[str, str], origins: Mapping[str, str]
) -> _Draft | None:
    if len(drafts) == 1:
        return drafts[0]
    focus = fact.focus or focused.get(fact.origin.reference)
    focus = origins.get(focus or "", focus)
    side = _side(fact, specimens)
    owners = [draft for draft in drafts if any(condition.reference == focus for condition in draft.conditions)]
    if len(owners) > 1 and side is not None:
        owners = [draft for draft in owners if draft.side is side]
    if len(owners) == 1:
        return owners[0]
    return next((draft for draft in drafts if side is not None and draft.side is side), None)


def _case(
    patient: Patient, draft: _Draft, specimens: Mapping[str, Specimen], treatments: Sequence[Treatment], tissue_words: frozenset[str]
) -> Case:
    references = {condition.reference for condition in draft.conditions}
    ours = tuple(one for one in treatments if (one.focus is None or one.focus in references) and _is_on(one.side, draft.side))
    facts = _with_tissue(draft.facts, tissue_words)
    started = min((one.started_on for one in ours if one.kind == "systemic" and one.started_on), default=None)
    after_therapy = any(fact.basis is Basis.POST_THERAPY_PATHOLOGICAL for fact in facts)
    tissues: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.specimen:
            tissues[fact.specimen].append(fact)
    found = tuple(_specimen(key, mine, specimens.get(key), started, after_therapy) for key, mine in tissues.items())
    named = {specimen.reference: specimen.key for specimen in found if specimen.reference}
    return Case(
        key=draft.key,
        patient=patient,
        conditions=draft.conditions,
        side=draft.side,
        specimens=tuple(one for one in found if one.kind is not SpecimenKind.BLOOD),
        samples=tuple(one for one in found if one.kind is SpecimenKind.BLOOD),
        facts=tuple(fact.but(specimen=named[fact.specimen]) if fact.specimen in named else fact for fact in facts),
        treatments=ours,
        flags=() if draft.conditions else ("no-condition",),
    )


def _is_on(side: Side | None, of_case: Side | None) -> bool:
    """True unless the two sides part."""
    return side is None or of_case is None or of_case in _sides_of(side)


def _with_tissue(facts: Sequence[Fact], tissue_words: frozenset[str]) -> list[Fact]:
    """Every tissue fact with a specimen key: results without one share one by site and method, apart by day when they differ."""
    groups: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.specimen is None and fact.word in tissue_words:
            groups[_unnamed(fact)].append(fact)
    keys = {id(fact): key for name, group in groups.items() for fact, key in _keys(name, group)}
    return [fact.but(specimen=keys[id(fact)]) if id(fact) in keys else fact for fact in facts]


def _unnamed(fact: Fact) -> str:
    sampling = _SAMPLING.get(fact.method or "", Sampling.UNKNOWN)
    return f"unnamed-{fact.body_site or 'site-unknown'}-{sampling}"


def _keys(name: str, group: Sequence[Fact]) -> Iterable[tuple[Fact, str]]:
    """The day joins the key when the group holds one word with two values on two days: then it is more than one specimen."""
    seen: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
    for fact in group:
        seen[fact.word].add((fact.taken_on, fact.shown))
    apart = any(len({day for day, _ in values}) > 1 and len({shown for _, shown in values}) > 1 for values in seen.values())
    return [(fact, f"{name}-{fact.taken_on or 'day-unknown'}" if apart else name) for fact in group]


def _specimen(key: str, mine: Sequence[Fact], known: Specimen | None, started: str | None, after_therapy: bool) -> Specimen:
    """The specimen as sent, or as its facts let it be known."""
    site = next((fact.body_site for fact in mine if fact.body_site), None)
    sampling = next((_SAMPLING[fact.method] for fact in mine if fact.method in _SAMPLING), Sampling.UNKNOWN)
    specimen = known or Specimen(
        # The same key as the specimen gets once it is sent itself.
        key=key.removeprefix("Specimen/"),
        reference=None if key.startswith("unnamed-") else key,
        kind=kind_of(site),
        body_site=site,
        side=next((fact.side for fact in mine if fact.side), None),
        named=not key.startswith("unnamed-"),
    )
    update: dict[str, object] = {"sampling": specimen.sampling if specimen.sampling is not Sampling.UNKNOWN else sampling}
    if specimen.kind is SpecimenKind.UNKNOWN:
        update["kind"] = kind_of(site)
    collected = specimen.collected_on or min((fact.taken_on for fact in mine if fact.taken_on), default=None)
    update["collected_on"] = collected
    update["timing"] = _timing(collected, started, after_therapy and update["sampling"] is Sampling.RESECTION)
    return specimen.but(**update)


def kind_of(site: str | None) -> SpecimenKind:
    """Primary for tissue of the breast, regional node for its stations, metastasis for a known other site."""
    if site is None:
        return SpecimenKind.UNKNOWN
    if site == "breast":
        return SpecimenKind.PRIMARY
    return SpecimenKind.REGIONAL_NODE if site.endswith("-nodes") else SpecimenKind.METASTASIS


def _timing(collected: str | None, started: str | None, after_therapy: bool) -> Timing:
    """Before or after systemic treatment began; on the day itself it is before, as the tissue is taken first.

    A year or a month that holds the other date tells neither.
    """
    if after_therapy:
        return Timing.AFTER_TREATMENT
    if started is None or collected is None:
        return Timing.UNKNOWN
    if collected != started and (collected.startswith(started) or started.startswith(collected)):
        return Timing.UNKNOWN
    if collected == started and len(collected) < _WHOLE_DAY:
        return Timing.UNKNOWN
    return Timing.AFTER_TREATMENT if collected > started else Timing.BEFORE_TREATMENT
