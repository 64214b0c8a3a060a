"""Which tissue is of a carcinoma in situ, and must not speak for an invasive one? (SEER EOD: the invasive component counts.)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapter.facts.case import Case, Fact, all_in_situ
from adapter.rules.operators import Chosen, reading

_HISTOLOGY = "histology"


def is_in_situ(facts: Sequence[Fact], chosen: Chosen) -> bool:
    """True where the histology of this specimen is in situ, and none is invasive beside it."""
    found = reading(facts, _HISTOLOGY).used
    return bool(found) and not _is_any_invasive(found, chosen)


def apart_from_invasive(case: Case, chosen: Chosen) -> frozenset[str]:
    """The specimens in situ of a cancer that is not, by a Condition or another histology on file.

    Results without a Condition count as those of an invasive cancer.
    """
    in_situ = frozenset(one.key for one in case.specimens if is_in_situ(case.facts_of(one.key), chosen))
    if not in_situ or not all_in_situ(case.conditions):
        return in_situ
    others = [fact for fact in case.about(_HISTOLOGY) if fact.specimen not in in_situ]
    return in_situ if _is_any_invasive(others, chosen) else frozenset()


def _is_any_invasive(facts: Iterable[Fact], chosen: Chosen) -> bool:
    return any(fact.value not in chosen.rule("in-situ-histology").words["in_situ"] for fact in facts)
