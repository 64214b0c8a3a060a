"""A request that failed, kept in a file with what is needed to ask it again."""

from __future__ import annotations

import base64
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from tests.fuzz.asked import Call
from tests.fuzz.invariants import faults
from tests.fuzz.service import whole_service

FOLDER = Path(__file__).parent.parent.parent / "build" / "fuzz"


def keep(folder: Path, seed: str, number: int, call: Call, found: list[str]) -> Path:
    """Write the request to its file; the same request gives the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}-{number}.json"
    said = call._asdict() | {"body": base64.b64encode(call.body).decode(), "seed": seed, "number": number, "faults": found}
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Call:
    """The request in a file."""
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Call(said["kind"], said["method"], said["path"], said["headers"], base64.b64decode(said["body"]))


def replay(path: Path) -> int:
    """Ask the kept request again, print what is wrong with the answer, and say by the exit code whether anything is."""
    call = read(path)
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        service = whole_service(Path(folder))
        got = service.send(call)
        found = faults(service, call, got, thoroughly=True)
    print(f"{call.method} {call.path[:100]} ({call.kind}, {len(call.body)} bytes): status {got.status} in {got.seconds:.2f} s")
    print("\n".join(found) or "nothing is wrong with the answer")
    return 1 if found else 0
