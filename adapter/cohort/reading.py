"""What stands in one stretch of the input? Each line looked at once, and what can matter written down for the grouping."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.cohort.folder import Stretch
from adapter.cohort.lines import Look, Sieve, lines_of

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 20_000
_MARK = b"\xef\xbb\xbf"


def read(stretch: Stretch, sieve: Sieve, target: Path) -> None:
    """Write down what the stretch holds, whole or not at all."""
    import pyarrow.parquet as pq

    draft = target.with_suffix(f".{os.getpid()}")
    looks = _looks(stretch, sieve)
    with pq.ParquetWriter(draft, _schema(), compression="lz4") as writer:
        while some := list(islice(looks, _AT_ONCE)):
            writer.write_table(_table(some, stretch))
    draft.replace(target)


def _looks(stretch: Stretch, sieve: Sieve) -> Iterator[tuple[int, Look]]:
    """Each line with its number in the stretch; an empty one is counted and says nothing."""
    for number, line in enumerate(lines_of(stretch), start=1):
        yield number, sieve.look(line.removeprefix(_MARK)) if line.strip() else Look()


def _schema() -> pa.Schema:
    import pyarrow as pa

    words = {name: pa.string() for name in ("kind", "id", "patient", "text", "aside")}
    return pa.schema({"stretch": pa.int32(), "line": pa.int64(), **words})


def _table(some: list[tuple[int, Look]], stretch: Stretch) -> pa.Table:
    import pyarrow as pa

    looks = [look for _, look in some]
    texts = pa.array([look.text for look in looks], pa.binary()).view(pa.string())
    columns = {
        "stretch": [stretch.number] * len(some),
        "line": [number for number, _ in some],
        "kind": [look.kind for look in looks],
        "id": [look.id for look in looks],
        "patient": [look.patient for look in looks],
        "text": texts,
        "aside": [look.aside or None for look in looks],
    }
    return pa.table(columns, schema=_schema())
