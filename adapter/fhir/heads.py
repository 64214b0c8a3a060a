"""What does every definition of ours say about itself? Its address, its name, its version, and who made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from adapter.knowledge.outputs import Concept
from adapter.knowledge.rule_sets import Making


def head(kind: str, canonical: str, name: str, version: str, computable: str, title: str) -> dict[str, Any]:
    """What every canonical resource says about itself."""
    return {
        "resourceType": kind,
        "id": name,
        "url": f"{canonical}/{kind}/{name}",
        "version": version,
        "name": computable,
        "title": title,
        "status": "active",
        "experimental": True,
    }


def code_system(canonical: str, version: str, name: str, title: str, concepts: Iterable[Concept]) -> dict[str, Any]:
    """A CodeSystem of ours with these concepts."""
    said = ({"code": str(one.code), "display": one.display, "definition": one.definition} for one in concepts)
    listed = [{name: text for name, text in concept.items() if text} for concept in said]
    shared = head("CodeSystem", canonical, name, version, f"BreastCancerAdapter{name.title().replace('-', '')}", title)
    return shared | {"caseSensitive": True, "content": "complete", "count": len(listed), "concept": listed}


def published_by(made: Making) -> dict[str, str]:
    """Who made the content, and the day on which it last changed: R4 wants that of the content and not of the request."""
    return {"date": made.revised_on.isoformat(), "publisher": made.developer}
