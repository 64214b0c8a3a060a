"""How do we ask a server to tell us? A Subscription of R4, or of the backport when it names a topic: E1, E4.

https://hl7.org/fhir/R4/subscription.html. We send `requested`; only the server makes it active.
"""

from __future__ import annotations

from typing import Any

_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"


def subscription(criteria: str, endpoint: str, secret: str, payload: str, filters: tuple[str, ...] = ()) -> dict[str, Any]:
    """The Subscription to create: a search as criteria is the one of R4, an absolute URL is a topic."""
    channel = {"type": "rest-hook", "endpoint": endpoint, "header": [f"Authorization: Bearer {secret}"]}
    asked = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Interpret breast-cancer results again when an input changes",
        "criteria": criteria,
    }
    if not is_topic(criteria):
        return asked | {"channel": channel | ({} if payload == "empty" else {"payload": "application/fhir+json"})}
    content = {"extension": [{"url": f"{_BACKPORT}/backport-payload-content", "valueCode": payload}]}
    found = asked | {
        "meta": {"profile": [f"{_BACKPORT}/backport-subscription"]},
        "channel": channel | {"payload": "application/fhir+json", "_payload": content},
    }
    if filters:
        found["_criteria"] = {"extension": [{"url": f"{_BACKPORT}/backport-filter-criteria", "valueString": one} for one in filters]}
    return found


def is_topic(criteria: str) -> bool:
    """Whether the criteria name a topic instead of a search."""
    return "://" in criteria
