"""T, N and M of one case for one classification: as stated, else derived from size, findings and nodes (AJCC 8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Day, Fact, all_in_situ
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Basis, Kind, Result, Sampling
from adapter.rules.answering import from_bands, from_cell, undetermined, value_of
from adapter.rules.nodes import cn_from_stations, pn_from_counts
from adapter.rules.operators import Chosen, bands_for, distinct, look_up, reading

_RESULT = {"t": Result.T_CATEGORY, "n": Result.N_CATEGORY, "m": Result.M_CATEGORY}
# M has no clinical and pathological forms of M0, so any M that is not after therapy serves every classification.
_SERVES_M = (Basis.CLINICAL, Basis.PATHOLOGICAL, Basis.UNSPECIFIED)
_OTHER_EDITIONS = frozenset({"ajcc-6", "ajcc-7", "ajcc-9"})
_UNKNOWN_GROUP = "unknown"
# The month of the latest day that a window of months reaches, counted on the calendar.
_MONTHS_A_YEAR = 12
# The length of YYYY-MM-DD.
_WHOLE_DAY = 10


class Axis(NamedTuple):
    """One of T, N, M: its category, its group in the stage tables, what it rests on, and the answer when we derived it."""

    category: str | None = None
    group: str | None = None
    used: tuple[Fact, ...] = ()
    flags: tuple[str, ...] = ()
    derived: Answer | None = None


class Tnm(NamedTuple):
    """The three axes of one classification."""

    basis: Basis
    t: Axis
    n: Axis
    m: Axis

    @property
    def used(self) -> tuple[Fact, ...]:
        """Every fact that the three rest on."""
        return self.t.used + self.n.used + self.m.used

    @property
    def derived(self) -> list[Answer]:
        """The categories that we derived."""
        return [axis.derived for axis in (self.t, self.n, self.m) if axis.derived is not None]


def tnm_for(case: Case, basis: Basis, chosen: Chosen) -> Tnm:
    """T, N and M of this classification."""
    t = _stated(case, "t", basis, chosen) or _derived(_derived_t(case, basis, chosen), "t", basis, chosen)
    n = _stated(case, "n", basis, chosen) or _derived(_derived_n(case, basis, chosen), "n", basis, chosen)
    m = _stated(case, "m", basis, chosen) or _derived(_derived_m(case, basis, chosen), "m", basis, chosen)
    return Tnm(basis, _checked_against_size(t, case, basis, chosen), n, m)


def _stated(case: Case, axis: str, basis: Basis, chosen: Chosen) -> Axis | None:
    """The category that was sent, or None; two that differ on one day are no category."""
    bases = _SERVES_M if axis == "m" else (basis,)
    filed = [fact for fact in case.about(f"{axis}-category") if fact.basis in bases]
    if not filed:
        return None
    untreated = _before_treatment(filed, _closing_days(case, axis, basis))
    # An M of the same classification speaks before one of another.
    sent = [fact for fact in untreated if fact.basis is basis] or untreated
    kept = _first_staging(sent, case, chosen)
    flags = ["later-category-not-used"] if len(untreated) < len(filed) or len(kept) < len(sent) else []
    newest = [fact for fact in kept if fact.taken_on == max((other.taken_on or "") for other in kept) or fact.taken_on is None]
    best = reading(newest, f"{axis}-category")
    groups = {group_of(fact, basis, chosen)[0] for fact in best.used}
    if len(groups) > 1:
        return Axis(used=best.used, flags=(*flags, "conflicting-categories"))
    fact = max(best.used, key=lambda one: len(one.value or ""))
    group, remarks = group_of(fact, basis, chosen)
    return Axis(fact.value, _by_diagnosis(fact, group, case, chosen), (fact,), distinct([*flags, *remarks]))


def _by_diagnosis(fact: Fact, group: str | None, case: Case, chosen: Chosen) -> str | None:
    """The group of a category; that of LCIS where every diagnosis is LCIS and the category does not say of which kind it is."""
    words = chosen.rule("lcis-by-diagnosis").words
    kinds = {condition.histology for condition in case.conditions}
    return words["becomes"][0] if fact.value in words["category"] and kinds and kinds <= set(words["histology"]) else group


def _first_staging(sent: Sequence[Fact], case: Case, chosen: Chosen) -> list[Fact]:
    """The facts of the first staging: within the window that opens with the earliest category on file."""
    days = [fact.taken_on for fact in case.about("t-category", "n-category", "m-category") if fact.taken_on]
    if not days:
        return list(sent)
    last = months_later(min(days), int(chosen.rule("stage-window").numbers["months"]))
    return [fact for fact in sent if fact.taken_on is None or last is None or fact.taken_on <= last] or list(sent)


def _before_treatment(sent: Sequence[Fact], closing: Iterable[Day]) -> list[Fact]:
    """The facts without those found after treatment began, where one from before it is on file; else all of them.

    A day that may lie on either side of the treatment parts nothing.
    """
    kept = [fact for fact in sent if not any(_is_later(fact.taken_on, began) for began in closing)]
    return kept if any(_is_untreated(fact.taken_on, closing) for fact in kept) else list(sent)


def _closing_days(case: Case, axis: str, basis: Basis) -> set[Day]:
    """The days of treatment that was given and that ends the time in which a category of this classification can be found.

    Any treatment ends it for clinical T and N. Surgery does not end it for M, which imaging after surgery may change, nor for a category
    that names no classification and may be of the removed tissue: those end with neoadjuvant therapy alone.
    """
    if axis != "m" and basis is Basis.PATHOLOGICAL:
        return set()
    given = [one for one in case.treatments if not one.only_ordered]
    systemic = {one.started_on for one in given if one.kind == "systemic" and one.started_on}
    operated = {one.started_on for one in given if one.kind == "surgery"}
    if axis != "m" and basis is Basis.CLINICAL:
        return systemic | {day for day in operated if day}
    operated |= {one.taken_on for one in case.about("t-category", "n-category") if one.basis is Basis.PATHOLOGICAL}
    return systemic if all(_is_later(day, min(systemic, default=None)) for day in operated) else set()


def _is_untreated(day: Day | None, closing: Iterable[Day]) -> bool:
    """True when this day is certain to be none after treatment began; the very day on which it began is none."""
    return day is not None and all(_is_later(began, day) or (began == day and len(day) == _WHOLE_DAY) for began in closing)


def _is_later(day: Day | None, than: Day | None) -> bool:
    """True when the one day is certain to come after the other: a month tells nothing of its own days."""
    return day is not None and than is not None and day > than and not day.startswith(than)


def months_later(day: Day, months: int) -> Day | None:
    """The same day some months later, or None for a day known only to the year."""
    parts = day.split("-")
    if len(parts) == 1:
        return None
    whole = int(parts[0]) * _MONTHS_A_YEAR + int(parts[1]) - 1 + months
    return "-".join([f"{whole // _MONTHS_A_YEAR:04d}", f"{whole % _MONTHS_A_YEAR + 1:02d}", *parts[2:]])


def group_of(fact: Fact, basis: Basis, chosen: Chosen) -> tuple[str | None, list[str]]:
    """The group of a category in the stage tables (None when it means not known), with remarks on the category itself."""
    classification = "pathological" if basis is Basis.PATHOLOGICAL else "clinical"
    cell = look_up(chosen.table("tnm-categories"), {"category": fact.value, "basis": classification})
    group: str = getattr(cell, "says", _UNKNOWN_GROUP)
    remarks = (
        ["category-not-in-classification"]
        if getattr(cell, "kind", None) and fact.word == "n-category" and basis is not Basis.UNSPECIFIED
        else []
    )
    if fact.word == "m-category" and fact.basis is Basis.PATHOLOGICAL and group == "M0":
        remarks.append("pm0-not-defined")
    if group == _UNKNOWN_GROUP:
        remarks.append("mx-not-defined")
    if fact.method in _OTHER_EDITIONS:
        remarks.append("other-edition")
    return (None if group == _UNKNOWN_GROUP else group), remarks


def _derived(answer: Answer | None, axis: str, basis: Basis, chosen: Chosen) -> Axis:
    """An axis that rests on our own category, or on nothing."""
    if answer is None:
        return Axis()
    value = value_of(answer)
    if value is None:
        return Axis(used=answer.used, derived=answer)
    classification = "pathological" if basis is Basis.PATHOLOGICAL else "clinical"
    cell = look_up(chosen.table("tnm-categories"), {"category": value, "basis": classification})
    return Axis(value, getattr(cell, "says", None), answer.used, (f"{axis}-derived",), answer)


def operated_after_therapy(case: Case, day: Day | None = None) -> tuple[Day, Day] | None:
    """The day systemic therapy began and the later day of the surgery (or of `day`, where no surgery is on file), or None."""
    started = min((one.started_on for one in case.treatments if one.kind == "systemic" and one.started_on), default=None)
    operated = min((one.started_on for one in case.treatments if one.kind == "surgery" and one.started_on), default=day)
    return (started, operated) if started is not None and operated is not None and started < operated else None


def _is_after_therapy(case: Case, basis: Basis) -> bool:
    """True when what was measured in removed tissue, or nobody says in what, may describe the tumor after therapy: it gives no category."""
    if basis is Basis.CLINICAL:
        return False
    sent_as_yp = any(fact.basis is Basis.POST_THERAPY_PATHOLOGICAL for fact in case.facts)
    return sent_as_yp or operated_after_therapy(case) is not None


def _derived_t(case: Case, basis: Basis, chosen: Chosen) -> Answer | None:
    """T from chest wall and skin findings, else from the largest size of this classification."""
    if _is_after_therapy(case, basis):
        return None
    about = About(result=Result.T_CATEGORY, basis=basis)
    findings = _t4(case, about, chosen) if basis is not Basis.UNSPECIFIED else None
    sizes = _sizes(case, basis, chosen)
    if findings is not None and (value_of(findings) is not None or not sizes):
        return findings if value_of(findings) is not None else None
    if not sizes:
        return None
    rule = chosen.rule("t-from-size")
    if all_in_situ(case.conditions):
        because = "the cancer on file is in situ: a size gives no T category"
        return undetermined(about, rule, Kind.NOT_APPLICABLE, because, sizes)
    largest = max(sizes, key=lambda fact: (fact.number.high or fact.number.low or Decimal(0)) if fact.number else Decimal(0))
    assert largest.number is not None
    rounded = rounded_mm(largest.number, chosen)
    answer = from_bands(about, rule, rounded, sizes, " mm", ["size-only"])
    return answer.but(because=f"the largest size is {largest.number} mm, rounded {rounded} mm") if value_of(answer) else answer


def rounded_mm(size: Interval, chosen: Chosen) -> Interval:
    """A size rounded to whole millimetres by the AJCC rule, ends of an interval alike."""
    return Interval(low=_rounded(size.low, chosen), high=_rounded(size.high, chosen))


def _rounded(size: Decimal | None, chosen: Chosen) -> Decimal | None:
    if size is None:
        return None
    numbers = chosen.rule("size-rounding").numbers
    if numbers["above"] < size < numbers["below"]:
        return numbers["becomes"]
    return size.quantize(Decimal(1), rounding=ROUND_HALF_UP)


def _sizes(case: Case, basis: Basis | None, chosen: Chosen) -> list[Fact]:
    """The sizes of the invasive tumor that belong to this classification; all of them for None."""
    return [fact for fact in case.about("tumor-size") if basis is None or _measured_as(fact, case, chosen) is basis]


def _measured_as(fact: Fact, case: Case, chosen: Chosen) -> Basis:
    """Clinical or pathological by the method, else by the tissue it was measured in."""
    words = chosen.rule("size-basis").words
    if fact.method in words["pathological"]:
        return Basis.PATHOLOGICAL
    if fact.method in words["clinical"]:
        return Basis.CLINICAL
    specimen = case.specimen(fact.specimen)
    return Basis.PATHOLOGICAL if specimen is not None and specimen.sampling is Sampling.RESECTION else Basis.UNSPECIFIED


def _t4(case: Case, about: About, chosen: Chosen) -> Answer | None:
    removed = about.basis is Basis.PATHOLOGICAL
    facts = [fact for fact in case.facts if (_measured_as(fact, case, chosen) is Basis.PATHOLOGICAL) is removed]
    skin = [reading(facts, word) for word in chosen.rule("t4-skin-findings").words["skin"]]
    wall, inflammatory = reading(facts, "chest-wall-invasion"), reading(facts, "inflammatory-carcinoma")
    used = [fact for found in (*skin, wall, inflammatory) for fact in found.used]
    if not used:
        return None
    signs = [found.value for found in skin if found.value]
    known = {
        "chest_wall": wall.value,
        "skin": "positive" if "positive" in signs else (signs[0] if signs else None),
        "inflammatory": inflammatory.value,
    }
    rule = chosen.rule("t4-from-findings")
    because = ", ".join(f"{fact.word.replace('-', ' ')} {fact.value}" for fact in used)
    return from_cell(about, rule, look_up(chosen.table(rule.id), known), because, used)


def _checked_against_size(t: Axis, case: Case, basis: Basis, chosen: Chosen) -> Axis:
    """The T axis, flagged when the size on file gives another T; a T4 does not rest on size."""
    if t.category is None or t.derived is not None or t.group == "T4":
        return t
    sizes = _sizes(case, basis, chosen) or _untreated_sizes(case, chosen)
    rule = chosen.rule("t-from-size")
    numbers = [rounded_mm(fact.number, chosen) for fact in sizes if fact.number is not None]
    by_size = [distinct(band.says for band in bands_for(rule, number)) for number in numbers]
    if not by_size:
        return t
    agrees = any(any(said.startswith(t.category) for said in says) for says in by_size)
    flags = t.flags if agrees else (*t.flags, "size-disagrees-with-t")
    return t._replace(flags=flags, used=(*t.used, *sizes))


def _untreated_sizes(case: Case, chosen: Chosen) -> list[Fact]:
    """Every size but those of tissue that was removed after therapy, which say nothing of the tumor before it."""
    treated = _is_after_therapy(case, Basis.PATHOLOGICAL)
    return [fact for fact in _sizes(case, None, chosen) if not (treated and _measured_as(fact, case, chosen) is Basis.PATHOLOGICAL)]


def _derived_n(case: Case, basis: Basis, chosen: Chosen) -> Answer | None:
    if basis is Basis.PATHOLOGICAL:
        return None if _is_after_therapy(case, basis) else pn_from_counts(case, chosen)
    return cn_from_stations(case, chosen) if basis is Basis.CLINICAL else None


def _derived_m(case: Case, basis: Basis, chosen: Chosen) -> Answer | None:
    """M0(i+) for a deposit within the limit; a larger one asks whether it is M1 and decides nothing. Any M0 is clinical."""
    deposit = reading(case.about("distant-deposit"), "distant-deposit")
    if deposit.number is None:
        return None
    kind = Basis.UNSPECIFIED if basis is Basis.UNSPECIFIED else Basis.CLINICAL
    rule, about = chosen.rule("m-from-deposit"), About(result=Result.M_CATEGORY, basis=kind)
    answer = from_bands(about, rule, deposit.number, deposit.used, " mm")
    if value_of(answer) != "M1":
        return answer
    because = "the deposit is too large for M0(i+): whether it is M1 is for the clinician to say"
    return undetermined(about, rule, Kind.INDETERMINATE, because, deposit.used, ["deposit-above-limit"], missing=["M category"])


_SENT = ("t-category", "n-category", "m-category", "stage-group")


def has_sent(case: Case, basis: Basis, words: Sequence[str] = _SENT) -> bool:
    """True when one of these words of this very classification was sent: T, N, M or a stage group, unless others are named."""
    return any(fact.basis is basis for fact in case.about(*words))


def categories_shown(axes: Iterable[tuple[str, Axis]]) -> str:
    """`T3 N0 M0`, with `?` for an axis that is not known."""
    return " ".join(axis.category or f"{name}?" for name, axis in axes)
