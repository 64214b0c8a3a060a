"""Does each requirement that we set out to meet have a test that is named after it? The list is that of the standards we keep to.

A test of the requirement A2 begins `test_a2_`. What a requirement says stands beside its test; README.md says which standards they are.
"""

from __future__ import annotations

import ast
from pathlib import Path

REQUIRED = """
    A2 A3 A4 A8 A10 A13 A14 A18 A19 A23
    B2 B3 B4 B5
    C1 C4 C5 C6
    D1 D3 D4 D6 D7 D8
    E2 E3
    F1 F3
    G2 G3 G7 G8
""".split()


def names_of_tests(root: Path) -> list[str]:
    """The name of every test function anywhere under tests/."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted((root / "tests").rglob("test_*.py")))
    functions = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return [node.name for node in functions if node.name.startswith("test_")]


def test_each_requirement_has_a_test_named_after_it(root: Path) -> None:
    names = names_of_tests(root)

    assert [one for one in REQUIRED if not any(name.startswith(f"test_{one.lower()}_") for name in names)] == []
