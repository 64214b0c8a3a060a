"""The one base of every value in the house: immutable, and refusing fields it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: two with the same fields are equal, and none can be changed after it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")
