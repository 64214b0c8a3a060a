"""N from the nodes on file: pN by count and size of the largest deposit, cN by station (AJCC 8; Koh and Kim 2019, Table 5)."""

from __future__ import annotations

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.rules.answering import flagged, from_cell, undetermined
from adapter.rules.operators import Chosen, bands_for, look_up, reading

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
    positive, examined = _positive_nodes(case), reading(case.about("nodes-examined"), "nodes-examined").number
    if examined is not None and examined.exact == 0 and not stations:
        missing = ["examination of at least one regional node"]
        return undetermined(about, rule, Kind.INDETERMINATE, "no node was examined (NX)", used, missing=missing)
    count = _one_band("pn-count", positive, chosen)
    deposit = reading(case.about("largest-node-metastasis"), "largest-node-metastasis")
    if count == "none" and _one_band("deposit-size", deposit.number, chosen) in _METASTASES:
        because = f"no node is counted as positive, and a deposit of {deposit.number} mm is on file"
        missing = ["number of nodes with metastasis that fits the deposit"]
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, ["conflicting-results"], missing=missing)
    if count is None and not stations:
        missing = ["number of nodes with metastasis"]
        return undetermined(about, rule, Kind.INDETERMINATE, "the number of nodes with metastasis is not known", used, missing=missing)
    known = {"positive": count, "largest": _largest_deposit(case, count, chosen)} | {
        name: stations.get(site) for site, name in _STATION_INPUTS.items() if site != "axillary-nodes"
    }
    cell = look_up(chosen.table(rule.id), known)
    flags = ["nodes-examined-not-sent"] if examined is None and count == "none" else []
    because = f"{positive if positive is not None else 'an unknown number of'} nodes with metastasis"
    return flagged(from_cell(about, rule, cell, because, [*used, *_station_facts(case, chosen, pathological=True)], labels=_LABELS), flags)


def _positive_nodes(case: Case) -> Interval | None:
    """The count that was sent, else macrometastases plus micrometastases when both were."""
    for word in ("nodes-positive", "sentinel-nodes-positive"):
        number = reading(case.about(word), word).number
        if number is not None:
            return number
    macro, micro = (reading(case.about(word), word).number for word in ("nodes-macrometastases", "nodes-micrometastases"))
    if macro is None or micro is None or macro.exact is None or micro.exact is None:
        return macro if macro is not None and macro.exact else None
    total = macro.exact + micro.exact
    return Interval(low=total, high=total)


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
