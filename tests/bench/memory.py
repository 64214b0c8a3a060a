"""Does the service keep its memory? `make bench-memory` sends 100,000 requests and prints what the workers hold every tenth of the way."""

from __future__ import annotations

import sys
import time

from tests.bench.charts import chart, patchwork
from tests.bench.over_http import asked, resident, serving

REQUESTS = 100_000
STEPS = 10


def main() -> int:
    """Charts of many shapes, so that whatever could grow has a reason to."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    contents = [chart(10, seed) for seed in range(100)] + [patchwork(seed) for seed in (1, 2, 3, 5, 7)]
    done, number, began = 0, 0, time.perf_counter()
    with serving() as (port, process, _):
        for step in range(1, STEPS + 1):
            while done < wanted * step / STEPS:
                done += len(asked(port, contents[number % len(contents)], 1.0))
                number += 1
            held = ", ".join(f"{size / 1e6:.1f}" for size in resident(process.pid).values())
            print(f"{done:>8} requests after {time.perf_counter() - began:>6.0f} s: {held} MB in the workers", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
