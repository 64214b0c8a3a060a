"""What did the caller hand over? The R4 Parameters envelope, or a bare resource: https://hl7.org/fhir/R4/parameters.html.

Only the envelope is read here. The bytes of the Bundle inside go on untouched, so that every digit arrives as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from http import HTTPStatus
from typing import NamedTuple, NoReturn

import msgspec

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.bundle import broken_json
from adapter.fhir.outcome import Refusal


class Parameter(msgspec.Struct, rename="camel"):
    """One parameter: a resource as it stands in the body, or one primitive."""

    name: str = ""
    resource: msgspec.Raw = msgspec.Raw()
    value_string: str | None = None
    value_code: str | None = None
    value_integer: int | None = None
    value_decimal: Decimal | None = None
    value_boolean: bool | None = None

    @property
    def text(self) -> str | None:
        """The primitive as it was written, or None when there is none that we read."""
        if self.value_boolean is not None:
            return str(self.value_boolean).lower()
        values = (self.value_string, self.value_code, self.value_integer, self.value_decimal)
        return next((str(value) for value in values if value is not None), None)


class Envelope(msgspec.Struct, rename={"resource_type": "resourceType"}):
    """As much of a body as shows what it is: its type and its parameters."""

    resource_type: str = ""
    parameter: list[Parameter] = []


class Sent(NamedTuple):
    """The Bundle to interpret and the schemes that were asked for with it."""

    bundle: bytes
    schemes: list[str]


def interpretation_asked(body: bytes) -> Sent:
    """The Bundle and schemes of an interpretation, from Parameters or from a bare resource (R4 operations: B2)."""
    envelope = _envelope(body)
    if envelope.resource_type != "Parameters":
        return Sent(body, [])
    _refuse_unknown((parameter.name for parameter in envelope.parameter), {"bundle", "scheme"})
    bundles = [bytes(parameter.resource) for parameter in envelope.parameter if parameter.name == "bundle"]
    if len(bundles) != 1 or not bundles[0]:
        refuse("missing-element", f"Parameters has to hold exactly one parameter named bundle with a resource; it holds {len(bundles)}")
    return Sent(bundles[0], [_primitive(parameter) for parameter in envelope.parameter if parameter.name == "scheme"])


def primitives(body: bytes, known: set[str]) -> dict[str, str]:
    """Every primitive of a Parameters body by its name."""
    envelope = _envelope(body)
    if envelope.resource_type != "Parameters":
        refuse("invalid-resource", "the body has to be a Parameters resource")
    return once(((parameter.name, _primitive(parameter)) for parameter in envelope.parameter), known)


def once(pairs: Iterable[tuple[str, str]], known: set[str]) -> dict[str, str]:
    """Named values, each known and given once; anything else would be dropped in silence, so it is refused."""
    found: dict[str, str] = {}
    for name, value in pairs:
        _refuse_unknown([name], known)
        if name in found:
            refuse("duplicate", f"the parameter {name} is given more than once")
        found[name] = value
    return found


def refuse(code: str, text: str) -> NoReturn:
    """Refuse the request with one issue."""
    raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code=code, severity=Severity.ERROR, text=text),))


def _envelope(body: bytes) -> Envelope:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except msgspec.ValidationError as error:
        refuse("invalid-resource", f"the body does not have the shape of a FHIR resource: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, (broken_json(body, error),)) from error


def _refuse_unknown(names: Iterable[str], known: set[str]) -> None:
    # The name is not repeated: whatever stands in a wrong place could be a patient's.
    if any(name not in known for name in names):
        refuse("not-supported", f"a parameter has an unknown name; the known ones are {', '.join(sorted(known))}")


def _primitive(parameter: Parameter) -> str:
    if parameter.text is None:
        refuse("unknown-value", f"the parameter {parameter.name} needs a valueString, valueCode, valueInteger or valueDecimal")
    return parameter.text
