"""Which primitives did the caller name, in the URL or in Parameters? What is unknown or given twice is refused."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Request

from adapter.fhir.parameters import interpretation_asked, parameters_of, primitive, refuse, refuse_unknown

__all__ = ["GENERAL", "interpretation_asked", "named_in_url", "once", "primitives", "refuse"]

# Parameters that R4 allows on every request; they are not inputs of an operation.
GENERAL = {"_format", "_pretty"}


def named_in_url(request: Request) -> list[tuple[str, str]]:
    """The inputs of an operation that stand in the URL."""
    return [(name, value) for name, value in request.args.items(multi=True) if name not in GENERAL]


def primitives(body: bytes, known: set[str]) -> dict[str, str]:
    """Every primitive of a Parameters body by its name."""
    return once(((parameter.name, primitive(parameter)) for parameter in parameters_of(body, known)), known)


def once(pairs: Iterable[tuple[str, str]], known: set[str]) -> dict[str, str]:
    """Named values, each known and given once; anything else would be dropped in silence, so it is refused."""
    found: dict[str, str] = {}
    for name, value in pairs:
        refuse_unknown([name], known)
        if name in found:
            refuse("duplicate", f"the parameter {name} is given more than once")
        found[name] = value
    return found
