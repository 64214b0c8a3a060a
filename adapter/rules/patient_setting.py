"""What must a rule on PET know of the patient? Receptors, stage and cycles, each None when not known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.answers import Answer
from adapter.facts.case import Case, Day, Fact, Treatment
from adapter.facts.uptake import Scan
from adapter.facts.vocabulary import Basis, Result
from adapter.rules.answering import value_of
from adapter.rules.operators import reading


class PatientSetting(NamedTuple):
    """Receptors of the governing specimen, the anatomic stage, and the facts of the case that PET rules ask for."""

    case: Case
    er: str | None
    her2: str | None
    stage: str | None
    used: tuple[Fact, ...]

    @property
    def started(self) -> Day | None:
        """The day on which systemic treatment began."""
        return min((one.started_on for one in self.systemic if one.started_on), default=None)

    @property
    def systemic(self) -> tuple[Treatment, ...]:
        """The drugs that were given for this cancer."""
        return tuple(one for one in self.case.treatments if one.kind == "systemic")

    def cycles_before(self, scan: Scan) -> tuple[Decimal | None, tuple[Fact, ...]]:
        """How many cycles were given before this scan: as sent for its day, else the only number on file."""
        sent = self.case.about("chemotherapy-cycles")
        of_day = [fact for fact in sent if fact.taken_on == scan.day]
        found = reading(of_day or ([*sent] if len(sent) == 1 and sent[0].taken_on is None else []), "chemotherapy-cycles")
        return (found.number.exact if found.number is not None else None), found.used


def stage_of(answers: Sequence[Answer]) -> Answer | None:
    """The anatomic stage before treatment: clinical, else of a classification that was not named."""
    stages = [answer for answer in answers if answer.about.result is Result.ANATOMIC_STAGE]
    wanted = [answer for answer in stages if answer.about.basis is Basis.CLINICAL]
    wanted += [answer for answer in stages if answer.about.basis in (None, Basis.UNSPECIFIED)]
    return next(iter(wanted), None)


def stage_value(answers: Sequence[Answer]) -> str | None:
    """The value of that stage."""
    return value_of(stage_of(answers))
