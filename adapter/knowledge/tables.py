"""Decision tables compiled for look-up, and the proof that they are partitions: every combination has one row or one named reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from adapter.knowledge.shapes import ANY, UNKNOWN, Hole, Row, Rule

Cell = Row | Hole


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose every combination of known inputs leads to one row or one hole.

    `domains` lists the known values of each input in order; `cells` maps a full combination to its row or hole; an input
    whose domain holds `unknown` accepts a missing value as a value of its own.
    """

    rule: Rule
    domains: Mapping[str, tuple[str, ...]]
    cells: Mapping[tuple[str, ...], Cell]

    def cell(self, combination: Mapping[str, str]) -> Cell:
        """The row or hole of a full combination; a KeyError is a mistake in the caller's words."""
        return self.cells[tuple(combination[name] for name in self.domains)]

    def combinations(self, known: Mapping[str, str | None]) -> Iterator[tuple[str, ...]]:
        """Every way to fill the unknown inputs, in the order of the domains."""
        return product(*(self._choices(name, known.get(name)) for name in self.domains))

    def completions(self, known: Mapping[str, str | None]) -> Iterator[Cell]:
        """The cell of every way to fill the unknown inputs."""
        return (self.cells[combination] for combination in self.combinations(known))

    def _choices(self, name: str, value: str | None) -> tuple[str, ...]:
        if value is not None:
            return (value,)
        if UNKNOWN in self.domains[name]:
            return (UNKNOWN,)
        return self.domains[name]


def compile_table(rule: Rule) -> tuple[Table, list[str]]:
    """The table of a rule, and every combination that two rows claim or none does (empty when it is a partition)."""
    names = tuple(rule.inputs)
    cells: dict[tuple[str, ...], Cell] = {}
    problems: list[str] = []
    for row in rule.rows:
        for combination in _covered(rule, row.cells):
            claimed = cells.get(combination)
            if claimed is not None:
                other = claimed.id if isinstance(claimed, Row) else "a hole"
                problems.append(f"rows {other} and {row.id} both claim {_shown(names, combination)}")
            cells[combination] = row
    for hole in rule.holes:
        for combination in _covered(rule, hole.where):
            claimed = cells.get(combination)
            if isinstance(claimed, Row):
                problems.append(f"a hole and row {claimed.id} both claim {_shown(names, combination)}")
            cells.setdefault(combination, hole)
    problems += [
        f"no row and no reason for {_shown(names, combination)}"
        for combination in product(*rule.inputs.values())
        if combination not in cells
    ]
    return Table(rule=rule, domains=dict(rule.inputs), cells=cells), problems


def _covered(rule: Rule, cells: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """Every full combination that these cells cover; an input that is not named, or is `any`, covers its whole domain."""
    return product(*(_values(domain, cells.get(name, (ANY,))) for name, domain in rule.inputs.items()))


def _values(domain: tuple[str, ...], cell: tuple[str, ...]) -> tuple[str, ...]:
    return domain if cell == (ANY,) else cell


def unknown_words(rule: Rule) -> list[str]:
    """Every cell that uses a word outside its input's domain, and every cell of an input that does not exist."""
    problems = []
    named = [(row.id, row.cells) for row in rule.rows] + [("a hole", hole.where) for hole in rule.holes]
    for label, cells in named:
        for name, cell in cells.items():
            if name not in rule.inputs:
                problems.append(f"{label} names the input {name}, which the rule does not have")
            elif cell != (ANY,):
                problems += [f"{label} says {name} = {word}, which is not in its list" for word in cell if word not in rule.inputs[name]]
    return problems


def _shown(names: tuple[str, ...], combination: tuple[str, ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(names, combination, strict=True))
