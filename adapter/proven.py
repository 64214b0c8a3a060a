"""Have these very books been proved by this very program already? Then the service starts without every worked case being run again.

`onco-adapter check` always runs them. Where nothing can be kept, such as in a read-only container, every start runs them too.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pydantic

from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from adapter.worked_cases import prove

_HERE = Path(__file__).parent


def proven(*, extra: Path | None, canonical: str) -> Knowledge:
    """The books, proved now or on an earlier start; raises BrokenKnowledge with each case that fails."""
    books = load(extra=extra, canonical=canonical)
    mark = _marks() / _fingerprint(books)
    if not _is_left(mark):
        prove(books)
        _leave(mark)
    return books


def _fingerprint(books: Knowledge) -> str:
    """The content of the books and of the program: a letter changed in either, and it is another one."""
    parts = [books.version, books.canonical, sys.version, msgspec.__version__, pydantic.VERSION]
    parts += [path.read_text(encoding="utf-8") for path in sorted(_HERE.rglob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _marks() -> Path:
    """Where the marks lie: in the cache of the user who runs the service (XDG base directories)."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        # A container may run as a user that has no home: nothing can be kept below a device.
        cache = Path(os.devnull)
    return cache / "onco-adapter" / "proven"


def _is_left(mark: Path) -> bool:
    """Only a mark of this very user counts."""
    try:
        return mark.stat().st_uid == os.getuid()
    except OSError:
        return False


def _leave(mark: Path) -> None:
    with suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch(mode=0o600)
