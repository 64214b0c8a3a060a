"""The two bases of every value in the house: immutable, and refusing fields they do not know.

`Frozen` checks what comes from outside: the books, settings, rows of a database, a request. `Plain` is made by our own typed code,
thousands of times for each patient, and checks nothing again: making one costs a tenth of what a model costs.
"""

from __future__ import annotations

from typing import Self

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value from outside: two with the same fields are equal, and none can be changed after it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A value of our own making, with the same promises; it is never part of a cycle, so nothing has to look for one."""

    def but(self, **fields: object) -> Self:
        """The same value with other fields."""
        return replace(self, **fields)
