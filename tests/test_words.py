"""Every word we put on the wire is documented: flags in mappings/outputs/flags.csv, issue codes in the table of the OperationOutcome."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import adapter
from adapter.fhir.outcome import ISSUE_TYPES
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load

SOURCES = sorted(Path(adapter.__file__).parent.rglob("*.py"))
R4_ISSUE_TYPES = frozenset(
    "invalid structure required value invariant security login unknown expired forbidden suppressed processing not-supported duplicate "
    "multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict transient lock-error no-store "
    "exception timeout incomplete throttled informational".split()
)


def words_in(path: Path) -> Iterator[str]:
    """Every text constant of a source file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def issue_codes(path: Path) -> Iterator[str]:
    """Every issue code that a source file can give: the `code` of an Issue or NoMeaning, and the first word of our helpers for them."""
    makers = {"tell", "_tell", "_issue", "_told", "_information", "_refused", "_refusal", "refuse", "Refused"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("Issue", "NoMeaning"):
            yield from (word.value.value for word in node.keywords if word.arg == "code" and isinstance(word.value, ast.Constant))
        elif name in makers:
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
            yield from texts[:1]


def flags_of(books: Knowledge) -> set[str]:
    """Every flag that the books themselves give: in a rule, with an indication, or with a unit that is odd for a fact."""
    parts = {flag for rule in books.rules.values() for part in (*rule.bands, *rule.rows, *rule.holes) for flag in part.flags}
    parts |= {flag for rule in books.hints if rule.hint is not None for flag in rule.hint.flags}
    return parts | {flag for shape in books.facts.values() for flag in shape.odd_units.values()}


def test_every_flag_of_the_books_is_documented() -> None:
    books = load()
    given = flags_of(books)
    assert given <= books.outputs.flags.keys(), given - books.outputs.flags.keys()


def test_every_documented_flag_is_given_by_a_rule() -> None:
    books = load()
    given = flags_of(books)
    written = {word for path in SOURCES for word in words_in(path)} | {f"{axis}-derived" for axis in "tnm"}
    assert books.outputs.flags.keys() <= given | written, books.outputs.flags.keys() - given - written


def test_every_issue_code_has_its_r4_type() -> None:
    given = {code for path in SOURCES for code in issue_codes(path)}
    assert given <= ISSUE_TYPES.keys(), given - ISSUE_TYPES.keys()


def test_every_r4_type_is_in_the_required_value_set() -> None:
    assert set(ISSUE_TYPES.values()) <= R4_ISSUE_TYPES
