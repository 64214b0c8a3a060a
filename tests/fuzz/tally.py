"""What came of many requests, added up so that workers can report in parts; and the table that a person reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

_SLOWEST = 5
MEGABYTE = 1024 * 1024


@dataclass
class Tally:
    """Counts by kind and status, the slowest requests, the most memory and which request took it, and the numbers that failed."""

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    interpreted: int = 0
    accounted: int = 0
    thorough: int = 0
    slowest: list[tuple[float, int, str]] = field(default_factory=list)
    peak: tuple[int, int] = (0, -1)
    failed: dict[int, list[str]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return sum(self.statuses.values())

    def add(self, other: Tally) -> None:
        """Take in what another tally counted."""
        self.kinds += other.kinds
        self.statuses += other.statuses
        self.interpreted += other.interpreted
        self.accounted += other.accounted
        self.thorough += other.thorough
        self.slowest = sorted(self.slowest + other.slowest, reverse=True)[:_SLOWEST]
        self.peak = max(self.peak, other.peak)
        self.failed |= other.failed

    def table(self, seed: str, seconds: float) -> Iterator[str]:
        """The figures, one line after the other."""
        statuses = sorted({status for _, status in self.statuses})
        yield f"{'requests by kind and status':<30}" + "".join(f"{status:>8}" for status in statuses) + f"{'all':>9}"
        for kind in [*sorted(self.kinds), ""]:
            counts = [sum(n for (one, code), n in self.statuses.items() if code == status and kind in ("", one)) for status in statuses]
            yield f"{kind or 'all':<30}" + "".join(f"{count or '-':>8}" for count in counts) + f"{sum(counts):>9}"
        yield f"\n{self.interpreted} interpretations answered; their {self.accounted} Observations and reports were looked for one by one"
        yield f"{self.thorough} of them asked twice with one answer, and that answer valid FHIR (fhir.resources)"
        yield "slowest: " + ", ".join(f"{taken:.1f} s (number {number}, {kind})" for taken, number, kind in self.slowest)
        yield f"peak memory of one process: {self.peak[0] // MEGABYTE} MB (number {self.peak[1]})"
        errors = sum(count for (_, status), count in self.statuses.items() if status >= 500 and status != 503)
        yield f"seed {seed!r}: {self.requests} requests in {seconds:.0f} s, {errors} answered 5xx, {len(self.failed)} with a fault"
