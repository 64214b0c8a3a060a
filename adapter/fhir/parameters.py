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
from adapter.fhir.wire import Coding, Concept


class Parameter(msgspec.Struct, rename="camel"):
    """One parameter: a resource as it stands in the body, or one value."""

    name: str = ""
    resource: msgspec.Raw = msgspec.Raw()
    value_string: str | None = None
    value_code: str | None = None
    value_uri: str | None = None
    value_integer: int | None = None
    value_decimal: Decimal | None = None
    value_boolean: bool | None = None
    value_coding: Coding | None = None
    value_codeable_concept: Concept | None = None

    @property
    def text(self) -> str | None:
        """The primitive as it was written, or None when there is none that we read."""
        if self.value_boolean is not None:
            return str(self.value_boolean).lower()
        values = (self.value_string, self.value_code, self.value_uri, self.value_integer, self.value_decimal)
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
    envelope = envelope_of(body)
    if envelope.resource_type != "Parameters":
        return Sent(body, [])
    refuse_unknown((parameter.name for parameter in envelope.parameter), {"bundle", "scheme"})
    bundles = [bytes(parameter.resource) for parameter in envelope.parameter if parameter.name == "bundle"]
    if len(bundles) != 1 or not bundles[0]:
        refuse("missing-element", f"Parameters has to hold exactly one parameter named bundle with a resource; it holds {len(bundles)}")
    return Sent(bundles[0], [primitive(parameter) for parameter in envelope.parameter if parameter.name == "scheme"])


def parameters_of(body: bytes, known: set[str]) -> list[Parameter]:
    """Every parameter of a Parameters body, each with a known name."""
    envelope = envelope_of(body)
    if envelope.resource_type != "Parameters":
        refuse("invalid-resource", "the body has to be a Parameters resource")
    refuse_unknown((parameter.name for parameter in envelope.parameter), known)
    return envelope.parameter


def envelope_of(body: bytes) -> Envelope:
    """What the body is, as far as its envelope says."""
    try:
        return msgspec.json.decode(body, type=Envelope)
    except msgspec.ValidationError as error:
        refuse("invalid-resource", f"the body does not have the shape of a FHIR resource: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, (broken_json(body, error),)) from error


def primitive(parameter: Parameter) -> str:
    """The primitive of a parameter that has to be one."""
    if parameter.text is None:
        refuse("unknown-value", f"the parameter {parameter.name} needs a valueString, valueCode, valueUri, valueInteger or valueDecimal")
    return parameter.text


def refuse_unknown(names: Iterable[str], known: set[str]) -> None:
    """Refuse a name that would be dropped in silence otherwise."""
    # The name is not repeated: whatever stands in a wrong place could be a patient's.
    if any(name not in known for name in names):
        refuse("not-supported", f"a parameter has an unknown name; the known ones are {', '.join(sorted(known))}")


def refuse(code: str, text: str) -> NoReturn:
    """Refuse the request with one issue."""
    raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code=code, severity=Severity.ERROR, text=text),))
