"""How is the adapter started without its script? `python -m adapter` is `onco-adapter`."""

from __future__ import annotations

import sys

from adapter.cli import main

if __name__ == "__main__":
    sys.exit(main())
