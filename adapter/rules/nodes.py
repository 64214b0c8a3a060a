"""N from the nodes on file: pN by count and size of the largest deposit, cN by station (AJCC 8; Koh and Kim 2019, Table 5)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.knowledge.shapes import Row
from adapter.rules.answering import flagged, from_cell, undetermined, value_of
from adapter.rules.operators import Chosen, Reading, bands_for, distinct, look_up, reading

_METASTASES = ("micrometastasis", "macrometastasis")
_COUNTS = (
    "nodes-positive",
    "sentinel-nodes-positive",
    "nodes-macrometastases",
    "nodes-micrometastases",
    "nodes-isolated-cells",
    "largest-node-metastasis",
    "nodes-examined",
)
# The counts that say how many nodes hold a metastasis, as a reason names them; nodes with isolated cells alone hold none.
_HELD = {
    "nodes-positive": "nodes with metastasis",
    "sentinel-nodes-positive": "sentinel nodes with metastasis",
    "nodes-macrometastases": "nodes with macrometastasis",
    "nodes-micrometastases": "nodes with micrometastasis",
}
# The sizes of the largest deposit that leave no room for a node of this count.
_TOO_SMALL = {"nodes-macrometastases": ("isolated-cells", "micrometastasis"), "nodes-micrometastases": ("isolated-cells",)}
_LABELS = {
    "positive": ("number of nodes with metastasis",),
    "largest": ("size of the largest node metastasis (or counts of macro- and micrometastases)",),
    "supraclavicular": ("supraclavicular nodes",),
    "infraclavicular": ("infraclavicular nodes",),
    "internal_mammary": ("internal mammary nodes",),
    "axillary": ("axillary nodes",),
    "fixed": ("whether the nodes are fixed or matted",),
}


def pn_from_counts(case: Case, chosen: Chosen) -> Answer | None:
    """pN by count and size of the largest deposit."""
    used = list(case.about(*_COUNTS))
    stations = _stations(case, chosen, pathological=True)
    if not used and not stations:
        return None
    rule, about = chosen.rule("pn-from-counts"), About(result=Result.N_CATEGORY, basis=Basis.PATHOLOGICAL)
    counted, examined = _counted(case), reading(case.about("nodes-examined"), "nodes-examined").number
    if examined is not None and examined.exact == 0 and not stations:
        missing = ["examination of at least one regional node"]
        return undetermined(about, rule, Kind.INDETERMINATE, "no node was examined (NX)", used, missing=missing)
    used += _station_facts(case, chosen, pathological=True)
    sites = {name: stations.get(site) for site, name in _STATION_INPUTS.items() if site != "axillary-nodes"}
    fault = _contradiction(counted, case, chosen)
    if fault is not None:
        # A station may decide whatever the counts are.
        by_station = from_cell(about, rule, look_up(chosen.table(rule.id), sites), fault.because, used, ["conflicting-results"])
        open_ = undetermined(about, rule, Kind.INDETERMINATE, fault.because, used, ["conflicting-results"], missing=[fault.missing])
        return by_station if value_of(by_station) else open_
    count = _one_band("pn-count", counted.positive, chosen)
    largest = _largest_deposit(case, count, chosen)
    if count is None and not stations:
        return _uncounted(about, counted, largest, used, chosen)
    cell = look_up(chosen.table(rule.id), {"positive": count, "largest": largest} | sites)
    flags = ["nodes-examined-not-sent"] if examined is None and count == "none" else []
    because = f"{counted.positive if counted.positive is not None else 'an unknown number of'} nodes with metastasis"
    return flagged(from_cell(about, rule, cell, because, used, labels=_LABELS), flags)


class Counted(NamedTuple):
    """How many nodes hold a metastasis as far as the counts tell, and the counts themselves where they contradict each other."""

    positive: Interval | None
    at_odds: tuple[Fact, ...] = ()


class Fault(NamedTuple):
    """Why the counts give no category, and what would settle it."""

    because: str
    missing: str


def _counted(case: Case) -> Counted:
    """The count of all nodes that was sent, else what the sentinel nodes and the nodes with macro- and micrometastases come to.

    Sentinel nodes are a part of all nodes, and so are those with a macrometastasis: they count for all only where nothing says more.
    """
    total, sentinel, macro, micro = sent = [reading(case.about(word), word) for word in _HELD]
    held = _least(macro) + _least(micro)
    facts = tuple(fact for one in sent for fact in one.used)
    if any(one.conflicting for one in (sent[:1] if total.fact else sent)):
        return Counted(None, facts)
    if total.number is not None:
        too_few = total.number.high is not None and total.number.high < max(held, _least(sentinel))
        return Counted(None, facts) if too_few else Counted(total.number)
    is_summed = all(one.number is not None and one.number.exact is not None for one in (macro, micro))
    summed = Interval(low=held, high=held) if is_summed else None
    if sentinel.number is None:
        return Counted(summed or (macro.number if macro.number is not None and macro.number.exact else None))
    if sentinel.number.high is None or sentinel.number.high >= held:
        return Counted(sentinel.number)
    return Counted(summed or Interval(low=held))


def _least(count: Reading) -> Decimal:
    """The least number of nodes that a count needs; of several that differ the largest of these."""
    return max((fact.number.low or Decimal(0) for fact in count.used if fact.number is not None), default=Decimal(0))


def _contradiction(counted: Counted, case: Case, chosen: Chosen) -> Fault | None:
    """What contradicts what: one count another, or the size of the largest deposit the counts."""
    if counted.at_odds:
        because = f"the counts of nodes contradict each other ({_shown(counted.at_odds)})"
        return Fault(because, "number of nodes with metastasis that fits the other counts (mark the wrong ones as entered-in-error)")
    deposit = reading(case.about("largest-node-metastasis"), "largest-node-metastasis").number
    size = _one_band("deposit-size", deposit, chosen)
    if _one_band("pn-count", counted.positive, chosen) == "none" and size in _METASTASES:
        because = f"no node is counted as positive, and a deposit of {deposit} mm is on file"
        return Fault(because, "number of nodes with metastasis that fits the deposit")
    counts = [reading(case.about(word), word) for word, sizes in _TOO_SMALL.items() if size in sizes]
    too_large = [fact for count in counts if _least(count) for fact in count.used]
    if too_large:
        because = f"the largest deposit of {deposit} mm contradicts the counts ({_shown(too_large)})"
        return Fault(because, "size of the largest node metastasis that fits the counts")
    return None


def _shown(counts: Iterable[Fact]) -> str:
    """`nodes with metastasis 1 and 5, nodes with macrometastasis 1`."""
    said: dict[str, list[str]] = {}
    for fact in counts:
        said.setdefault(_HELD[fact.word], []).append(fact.shown)
    return ", ".join(f"{name} {' and '.join(distinct(numbers))}" for name, numbers in said.items())


def _uncounted(about: About, counted: Counted, largest: str | None, used: list[Fact], chosen: Chosen) -> Answer:
    """No category without the number of all nodes; which ones are possible, where the least number and the largest deposit are known."""
    rule = chosen.rule("pn-from-counts")
    because, missing = "the number of nodes with metastasis is not known", ["number of nodes with metastasis"]
    if counted.positive is None or largest is None:
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=missing)
    bands = bands_for(chosen.rule("pn-count"), counted.positive)
    cells = [look_up(chosen.table(rule.id), {"positive": band.says, "largest": largest}) for band in bands]
    possible = [cell.says for cell in cells if isinstance(cell, Row)]
    return undetermined(about, rule, Kind.INDETERMINATE, f"{because} ({counted.positive})", used, missing=missing, possible=possible)


def _largest_deposit(case: Case, count: str | None, chosen: Chosen) -> str | None:
    size = _one_band("deposit-size", reading(case.about("largest-node-metastasis"), "largest-node-metastasis").number, chosen)
    if size is not None:
        return size
    macro, micro, cells = (
        reading(case.about(word), word).number for word in ("nodes-macrometastases", "nodes-micrometastases", "nodes-isolated-cells")
    )
    if macro is not None and macro.low:
        return "macrometastasis"
    if micro is not None and micro.low and macro is not None and macro.exact == 0:
        return "micrometastasis"
    if count == "none":
        return "isolated-cells" if cells is not None and cells.low else "macrometastasis"
    return None


def _one_band(rule: str, number: Interval | None, chosen: Chosen) -> str | None:
    bands = bands_for(chosen.rule(rule), number) if number is not None else ()
    return bands[0].says if len(bands) == 1 else None


_STATION_INPUTS = {
    "supraclavicular-nodes": "supraclavicular",
    "infraclavicular-nodes": "infraclavicular",
    "internal-mammary-nodes": "internal_mammary",
    "axillary-nodes": "axillary",
}


def _station_facts(case: Case, chosen: Chosen, *, pathological: bool) -> list[Fact]:
    words = chosen.rule("size-basis").words["pathological"]
    found = case.about("node-metastasis", "nodes-fixed-or-matted")
    return [fact for fact in found if (fact.method in words or fact.specimen is not None) is pathological]


def _stations(case: Case, chosen: Chosen, *, pathological: bool) -> dict[str, str]:
    """For each station that a finding names: positive or negative, a positive finding speaking first."""
    stations: dict[str, str] = {}
    for fact in _station_facts(case, chosen, pathological=pathological):
        if fact.word == "node-metastasis" and fact.body_site in _STATION_INPUTS and fact.value is not None:
            stations[fact.body_site] = "positive" if "positive" in (fact.value, stations.get(fact.body_site)) else fact.value
    return stations


def cn_from_stations(case: Case, chosen: Chosen) -> Answer | None:
    """cN by the stations with clinical metastasis; a station nobody spoke of stays open."""
    stations = _stations(case, chosen, pathological=False)
    used = _station_facts(case, chosen, pathological=False)
    if not stations:
        return None
    rule, about = chosen.rule("cn-from-stations"), About(result=Result.N_CATEGORY, basis=Basis.CLINICAL)
    fixed = reading(used, "nodes-fixed-or-matted").value
    known = {name: stations.get(site) for site, name in _STATION_INPUTS.items()} | {"fixed": fixed}
    cell = look_up(chosen.table(rule.id), known)
    because = ", ".join(f"{site.replace('-', ' ')} {sign}" for site, sign in stations.items())
    return from_cell(about, rule, cell, because, used, labels=_LABELS)
