"""The shape of published indications and recommended tests: whom they describe, in words that a case may know, and where that was read."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from adapter.facts.frozen import Frozen
from adapter.facts.vocabulary import Circumstance, Result


class CircumstanceShape(Frozen):
    """One thing that may be known of a patient as a whole: what to send when it is not, and the words that a condition may name.

    Without `values` any word may be named. A `molecular` one rests on genes, TMB or MSI.
    """

    id: Circumstance
    label: str
    values: tuple[str, ...] = ()
    molecular: bool = False


Wanted = dict[Circumstance, tuple[str, ...]]


class Hint(Frozen):
    """A published indication and the patients whom it describes.

    Nothing is said unless all of `must` is known to hold. What of `also` and `either` (one of its sets must hold) is not known makes the
    match possible only. So does `narrower`, another source's description of the same patients, wherever it does not hold. `boundary` names
    what lies exactly on a limit. `source_date` is the day of the label or article, as precisely as it is known; `as_of` is the day on
    which it was last looked at. `drugs` are those that the indication is about.
    """

    id: str
    kind: Literal["therapy", "imaging"] = "therapy"
    indication: str
    drugs: tuple[str, ...] = ()
    must: Wanted = Field(min_length=1)
    also: Wanted = Field(default_factory=dict)
    either: tuple[Wanted, ...] = ()
    narrower: tuple[Wanted, ...] = ()
    boundary: Wanted = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    note: str = ""
    source: str
    folder: str = ""
    source_date: str = Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")
    as_of: date

    @property
    def conditions(self) -> tuple[Wanted, ...]:
        """Every set of conditions that it names."""
        return (self.must, self.also, *self.either, *self.narrower, self.boundary)


class RecommendedTest(Frozen):
    """A test that a source recommends: the answer word, for whom, and what shows that it was done.

    It is on file where one of `results` was answered, where all of `genes` were looked at (in the germline where `germline` says so), or
    where tissue of a `metastasis` was sent. One that only `completes` the picture is missed where other results of tissue are on file.
    """

    id: str
    when: Wanted = Field(default_factory=dict)
    unless: Wanted = Field(default_factory=dict)
    results: tuple[Result, ...] = ()
    genes: tuple[str, ...] = ()
    germline: bool = False
    metastasis: bool = False
    completes: bool = False
    because: str
    source: str
