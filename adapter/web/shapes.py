"""Which shapes do routes take and give? What can be told of a FHIR resource without repeating its specification, as JSON Schema."""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0}
_ANY_RESOURCE: dict[str, Any] = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": _TEXT}}


def _object(*required: str, **properties: object) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "object"}
    return said | ({"required": list(required)} if required else {}) | ({"properties": properties} if properties else {})


def _resource(type_: str, *required: str, **properties: object) -> dict[str, Any]:
    return _object("resourceType", *required, resourceType={"const": type_}, **properties)


def _list(item: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": item} | ({"minItems": least} if least else {})


def _either(*names: str) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}


_ISSUE = _object(
    "severity",
    "code",
    severity={"enum": ["fatal", "error", "warning", "information"]},
    code=_TEXT,
    details=_object(coding=_list(_object()), text=_TEXT),
    diagnostics=_TEXT,
    expression=_list(_TEXT),
)
_FILE = _object("type", "url", type=_TEXT, url=_TEXT)

SHAPES: dict[str, dict[str, Any]] = {
    "Bundle": _resource("Bundle", type=_TEXT, entry=_list(_object(resource=_ANY_RESOURCE))),
    "BundleOrParameters": _either("Bundle", "Parameters"),
    "CdsCards": _object(
        "cards", cards=_list(_object("summary", "indicator", "source", summary=_TEXT, indicator=_TEXT, source={"type": "object"}))
    ),
    "CdsFeedback": _object("feedback", feedback=_list(_object("card", "outcome", "outcomeTimestamp"), least=1)),
    "CdsRequest": _object("hook", "hookInstance", "context", hook=_TEXT, hookInstance=_TEXT, context={"type": "object"}),
    "CdsServices": _object("services", services=_list(_object("hook", "description", "id"))),
    "CapabilityStatement": _resource("CapabilityStatement", "status", "date", "kind", "fhirVersion", "format"),
    "Definition": _object("resourceType", "id", "url", "status", resourceType=_TEXT, id=_TEXT, url=_TEXT, version=_TEXT, status=_TEXT),
    "Health": _object("status", status=_TEXT),
    "Keys": _object("keys", keys=_list(_object("kty", "kid"))),
    "Lines": {"type": "string", "description": "NDJSON: a FHIR resource in each line"},
    "Manifest": _object(
        "transactionTime",
        "request",
        "requiresAccessToken",
        "output",
        "error",
        transactionTime=_TEXT,
        request=_TEXT,
        requiresAccessToken={"type": "boolean"},
        output=_list(_FILE),
        error=_list(_FILE),
    ),
    "OpenApi": _object("openapi", "info", "paths"),
    "OperationOutcome": _resource("OperationOutcome", "issue", issue=_list(_ISSUE, least=1)),
    "Parameters": _resource("Parameters", parameter=_list(_object("name", name=_TEXT, resource=_ANY_RESOURCE))),
    "Resource": _ANY_RESOURCE,
    "Scopes": {"type": "object", "additionalProperties": _object("operation", "scopes", operation=_TEXT, scopes={"type": "object"})},
    "SearchForm": _object(_id=_TEXT, url=_TEXT, _count=_WHOLE, _offset=_WHOLE, _summary={"enum": ["count", "false"]}),
    "Searchset": _resource("Bundle", "type", "total", "link", type={"const": "searchset"}, total={"type": "integer", "minimum": 0}),
    "SmartConfiguration": _object("token_endpoint", "grant_types_supported", "capabilities", "code_challenge_methods_supported"),
    "Text": _TEXT,
    "TryForm": _object(bundle=_TEXT, file={"type": "string", "contentMediaType": "application/octet-stream"}, scheme=_list(_TEXT)),
}
