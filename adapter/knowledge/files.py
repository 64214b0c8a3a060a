"""What stands in the files of mappings/? Read as TOML, CSV and shapes; every problem is remembered instead of stopping at the first."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from adapter.facts.frozen import Frozen
from adapter.knowledge.books import BrokenKnowledge

F = TypeVar("F", bound=Frozen)
T = TypeVar("T")


class Files:
    """The files of a folder, and those of a site laid over them; `problems` holds what was wrong in those that were read."""

    def __init__(self, *folders: Path) -> None:
        self._content: dict[str, bytes] = {}
        self.problems: list[str] = []
        for folder in folders:
            self._content |= _read(folder)

    def ending(self, tail: str) -> Iterator[str]:
        """The names of the files that end so, in their order."""
        return (name for name in self._content if name.endswith(tail))

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def below(self, folder: str) -> dict[str, bytes]:
        """The files of one folder as bytes, by their names inside it."""
        return {name.removeprefix(folder): content for name, content in self._content.items() if name.startswith(folder)}

    def shapes(self, name: str, key: str, shape: type[F]) -> list[F]:
        """Every table under this key, in its shape; one that does not fit is a problem and left out."""
        found = (self.shape(name, shape, content) for content in self.toml(name).get(key, []))
        return [value for value in found if value is not None]

    def shape(self, name: str, shape: type[F], content: dict[str, Any]) -> F | None:
        """This content in its shape, or None and a problem for each part that does not fit."""
        try:
            return shape.model_validate(content)
        except ValidationError as error:
            self.problems += [f"{name}: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
            return None

    def toml(self, name: str) -> dict[str, Any]:
        """A TOML file; its numbers keep their digits."""
        return self._parsed(name, lambda text: tomllib.loads(text, parse_float=Decimal), {})

    def csv(self, name: str) -> list[dict[str, str]]:
        """The lines of a CSV file by column; a line with more or fewer cells than the header is a problem and left out."""
        rows: list[dict[str, str]] = self._parsed(name, lambda text: list(csv.DictReader(StringIO(text), strict=True)), [])
        # The reader puts cells without a column under None, and None into columns without a cell.
        torn = [number for number, row in enumerate(rows, start=1) if None in row or None in row.values()]
        self.problems += [f"{name}: row {number} has not as many cells as the header" for number in torn]
        return [row for number, row in enumerate(rows, start=1) if number not in torn]

    def lines(self, name: str, key: str, made: Callable[[dict[str, str]], T]) -> Iterator[tuple[dict[str, str], T]]:
        """Each line of a CSV file with what it makes; one that makes nothing is a problem, named by its cell under this key."""
        for line in self.csv(name):
            try:
                one = made(line)
            except (KeyError, ValueError, ArithmeticError) as error:
                self.problems.append(f"{name}: {line.get(key, '?')}: {error}")
            else:
                yield line, one

    def _parsed(self, name: str, parse: Callable[[str], T], empty: T) -> T:
        if name not in self._content:
            self.problems.append(f"{name}: the file is missing")
            return empty
        try:
            return parse(self._content[name].decode("utf-8-sig"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error) as error:
            self.problems.append(f"{name}: {error}")
            return empty

    def version(self) -> str:
        """The fingerprint of all files."""
        digest = sha256()
        for name in sorted(self._content):
            digest.update(name.encode() + b"\0" + self._content[name] + b"\0")
        return digest.hexdigest()[:12]


def _read(folder: Path) -> dict[str, bytes]:
    """Every knowledge file by its path inside the folder; templates (a leading underscore) are left out."""
    if not folder.is_dir():
        raise BrokenKnowledge([f"{folder}: there is no such folder of mappings"])
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".toml", ".csv") and not any(part.startswith("_") for part in name.split("/")):
            found[name] = path.read_bytes()
    return found
