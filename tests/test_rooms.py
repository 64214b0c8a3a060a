"""Who may import whom? The doors between the rooms, as the design names them; a line that walks through a wall fails here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# Room or module at the top of adapter/ -> what of ours it may import. A name with a dot opens that one module only.
DOORS: dict[str, set[str]] = {
    "facts": set(),
    "knowledge": {"facts"},
    "terminology": {"facts", "knowledge"},
    "rules": {"facts", "knowledge"},
    "fhir": {"facts", "knowledge.outputs", "knowledge.remembered", "knowledge.rule_sets"},
    "delivery": {"facts", "fhir"},
    "cohort": {"pipeline"},
    # The cohort is handed its interpreter: what joins the two stands outside the room, as `joined` does for the outbox.
    "case_rows": {"cohort.table", "facts", "pipeline"},
    "cohort_commands": {
        "case_rows",
        "cohort",
        "facts",
        "fhir.outcome",
        "fhir.values",
        "fhir.wire",
        "knowledge",
        "pipeline",
        "settings",
        "terminology.translate",
    },
    "cohort_arguments": {"commands"},
    "unmapped": {"facts"},
    "pipeline": {"facts", "fhir", "knowledge", "rules", "terminology", "unmapped"},
    "worked_cases": {"facts", "knowledge", "rules", "terminology"},
    "proven": {"knowledge", "worked_cases"},
    "settings": set(),
    "logs": set(),
    "feedback_rows": {"delivery.feedback"},
    "structured_report": {"facts", "knowledge", "terminology"},
    "rows": {"facts", "fhir.outcome", "pipeline"},
    "wording": {"facts", "knowledge"},
    "summary": {"facts", "knowledge", "pipeline", "wording"},
    # Lays a reply out for a person. What it shows of a gate or a lesion is asked of the rule that decided it, never decided again.
    "page": {"facts", "fhir.identifiers", "knowledge", "pipeline", "rules.comparability", "rules.tracer_uptake", "wording"},
    # A request may queue work and ask how it went; the work itself is handed to the web in a Workplace.
    # `terminology.systems` is the one name of a code system, by which $translate finds what the books call it.
    "web": {
        "cards",
        "delivery",
        "facts",
        "fhir",
        "knowledge",
        "orders",
        "page",
        "pipeline",
        "settings",
        "terminology.systems",
        "unmapped",
    },
    # What follows is shown in the words of the books; the order says which of it is asked for.
    "cards": {"facts", "fhir.identifiers", "fhir.outcome", "knowledge", "orders", "pipeline", "wording"},
    "orders": {"facts", "fhir", "knowledge", "pipeline", "rules", "terminology"},
    "app": {
        "delivery.jobs",
        "delivery.workplace",
        "fhir.outgoing",
        "fhir.smart_launch",
        "joined",
        "knowledge.books",
        "logs",
        "pipeline",
        "proven",
        "settings",
        "web",
    },
    # Joins the pipeline with the outbox, for the service and for the commands that work without it.
    "joined": {"delivery", "fhir", "knowledge", "pipeline", "settings"},
    "lasting_commands": {"delivery", "feedback_rows", "fhir", "joined", "knowledge", "logs", "settings"},
    # Asks this adapter or a service the questions of the fixtures; it knows both, and judges neither.
    "conform": {"facts.frozen", "fhir", "knowledge", "pipeline", "settings"},
    "commands": {
        "app",
        "cohort_commands",
        "conform",
        "delivery.jobs",
        "facts",
        "fhir.outcome",
        "fhir.trouble",
        "fhir.wire",
        "knowledge",
        "lasting_commands",
        "logs",
        "pipeline",
        "rows",
        "settings",
        "structured_report",
        "summary",
        "unmapped",
        "web.server",
        "worked_cases",
    },
    "cli": {"cohort_arguments", "commands", "fhir.operation_definitions", "knowledge.books", "settings", "summary"},
    "__main__": {"cli"},
}

# Package of others -> the only places of ours that may import it.
OUTSIDE: dict[str, tuple[str, ...]] = {
    "fhir": ("fhir/models",),
    # One door out: every request of ours passes `permitted` there. The client names the type of a session only.
    "requests": ("fhir/client", "fhir/outgoing"),
    "urllib3": ("fhir/addresses", "fhir/outgoing"),
    "jwt": ("fhir/key_sets", "fhir/smart_backend", "fhir/tokens"),
    "cryptography": ("delivery/launches", "fhir/smart_backend"),
    "sqlalchemy": ("delivery/",),
    "alembic": ("delivery/",),
    "flask": ("web/", "app"),
    "werkzeug": ("web/", "app"),
    "gunicorn": ("web/server",),
    "prometheus_client": ("web/telemetry",),
    "pydicom": ("structured_report",),
    "duckdb": ("cohort/",),
    "pyarrow": ("cohort/",),
    "pyspark": ("cohort/",),
    "matplotlib": ("cohort/",),
    "tqdm": ("cohort/",),
}

# What would let the clock, files, the network or chance into a rule.
IMPURE = {"os", "io", "pathlib", "time", "socket", "random", "secrets", "uuid", "subprocess", "urllib", "http", "importlib"}


def imports(source: str) -> Iterator[str]:
    """Every dotted name that a source imports, wherever the import stands; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=0):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            case ast.ImportFrom():
                yield "a relative import"


def violations(place: str, source: str) -> list[str]:
    """Every import in this source that its place (`web/errors`, `cli`) may not make."""
    room = place.partition("/")[0]
    if room not in (*DOORS, "__init__"):
        return [f"{place}: this module is in no room; give it a line in DOORS"]
    return [f"{place} imports {name}" for name in imports(source) if not _may(place, room, name)]


def _may(place: str, room: str, name: str) -> bool:
    if name == "a relative import":
        return False
    if name.startswith("adapter."):
        target = name.removeprefix("adapter.")
        open_doors = {room, *DOORS.get(room, set())}
        return any(target == door or target.startswith(f"{door}.") for door in open_doors)
    package = name.partition(".")[0]
    if room == "rules" and package in IMPURE:
        return False
    return package not in OUTSIDE or any(place == door or (door.endswith("/") and place.startswith(door)) for door in OUTSIDE[package])


def clock_calls(source: str) -> list[str]:
    """Every call that asks what time it is."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [func.attr for func in calls if isinstance(func, ast.Attribute) and func.attr in {"now", "today", "utcnow"}]


def modules(root: Path) -> Iterator[tuple[str, str]]:
    """Every module of the adapter: its place and its source."""
    house = root / "adapter"
    for path in sorted(house.rglob("*.py")):
        yield path.relative_to(house).with_suffix("").as_posix(), path.read_text(encoding="utf-8")


def test_every_import_goes_through_a_door(root: Path) -> None:
    found = [violation for place, source in modules(root) for violation in violations(place, source)]

    assert found == []


def test_rules_never_ask_what_time_it_is(root: Path) -> None:
    asked = [(place, call) for place, source in modules(root) if place.startswith("rules/") for call in clock_calls(source)]

    assert asked == []


def test_every_room_says_which_question_it_answers(root: Path) -> None:
    for place, source in modules(root):
        doc = ast.get_docstring(ast.parse(source))
        assert doc, f"{place} has no docstring"


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("fhir/writer", "from adapter.rules.decide import decide"),
        ("fhir/writer", "import adapter.knowledge.loader"),
        ("rules/tnm", "from adapter.fhir import wire"),
        ("facts/case", "from adapter.knowledge.shapes import Rule"),
        ("terminology/translate", "from adapter.fhir.wire import Observation"),
        ("fhir/reader", "from fhir.resources.R4B import observation"),
        ("web/operations", "import requests"),
        ("fhir/introspection", "import requests"),
        ("pipeline", "def late():\n    from flask import request"),
        ("cli", "from gunicorn.app.base import BaseApplication"),
        ("rules/decide", "from pathlib import Path"),
        ("web/health", "from . import desk"),
        ("utils", "import json"),
    ],
)
def test_a_planted_violation_is_found(place: str, source: str) -> None:
    assert violations(place, source) != []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("fhir/models", "from fhir.resources.R4B import observation"),
        ("fhir/client", "import requests"),
        ("fhir/writer", "from adapter.knowledge.outputs import Outputs"),
        ("web/errors", "from flask import Flask\nimport adapter"),
        ("rules/tnm", "from decimal import Decimal\nfrom adapter.facts.case import Fact"),
    ],
)
def test_an_open_door_is_not_a_violation(place: str, source: str) -> None:
    assert violations(place, source) == []


def test_a_planted_clock_is_found() -> None:
    assert clock_calls("import datetime\nday = datetime.date.today()") == ["today"]
