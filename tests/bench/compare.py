"""What changed between two reports of `make bench`? `make bench-compare A=old.json B=new.json` sets them side by side."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bench import Report, met


def side_by_side(first: Report, second: Report) -> Iterator[str]:
    """Each time of both, and how much of the first the second takes; then each target."""
    after = {row["entries"]: row["ms"] for row in second["rows"]}
    yield f"{'entries':>8} {'way':>10} {'first ms':>12} {'second ms':>12} {'second/first':>14}"
    for row in first["rows"]:
        for name, taken in row["ms"].items():
            other = after.get(row["entries"], {}).get(name)
            if other is not None:
                was, became = taken["median"], other["median"]
                yield f"{row['entries']:>8} {name:>10} {was:>12.2f} {became:>12.2f} {became / was:>14.2f}"
    became = {name: value for name, value, _ in met(second)}
    for name, value, most in met(first):
        yield f"{name}: {value:.3f} and {became.get(name, float('nan')):.3f}, at most {most:.3f}"


def main() -> int:
    """Print both reports."""
    first, second = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    print("\n".join(side_by_side(first, second)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
