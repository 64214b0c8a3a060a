"""How is HL7's validator asked? One Java process for all questions: a line with a resource in, a line with its verdict out."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tests.peers.running import ROOT, PeerMissing

BUILT = ROOT / "build" / "validator"
MCODE = ROOT / "build" / "mcode" / "package"
KEPT = ROOT / "tests" / "peers" / "validator" / "packages"
# npm has these names in other versions only; packages/README.md says where they are from.
ARCHIVES = {
    "hl7.fhir.us.core-6.1.0": "d0e92e79e461540fdbb9a84f8298be6240a38b5c9ea59c7112f16715fca2fbea",
    "hl7.fhir.uv.genomics-reporting-2.0.0": "408e6d70384a9989964d7cffd6b184ad838a8d474bca1489313cf777dad9afd0",
}


class Message(NamedTuple):
    """One thing that the validator said of a resource."""

    severity: str
    id: str
    where: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether the resource is not valid by this message."""
        return self.severity in ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Validator:
    """A validator that is running."""

    process: subprocess.Popen[str]
    log: Path

    def judge(self, name: str, resource: bytes | dict[str, Any]) -> list[Message]:
        """What the validator says of one resource; of a Bundle, everything in it is judged too."""
        text = json.dumps(resource) if isinstance(resource, dict) else resource.decode()
        verdict = self.ask({"name": name, "text": text})
        if verdict["name"] != name:
            raise PeerMissing(f"the validator answered about {verdict['name']} when it was asked about {name}")
        return [Message(**one) for one in verdict["messages"]]

    def ask(self, question: dict[str, str] | None = None) -> dict[str, Any]:
        """The next line that it says, after one question."""
        if question is not None and self.process.stdin is not None:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            raise PeerMissing(f"the validator ended; it said:\n{self.log.read_text(errors='replace')[-3000:]}")
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def validator(*more: Path) -> Iterator[Validator]:
    """HL7's validator with mCODE, US Core, Genomics Reporting and these folders of definitions; it reads no network."""
    if not (BUILT / "lib").is_dir() or not MCODE.is_dir():
        raise PeerMissing("The validator is not built. `make conformance` builds it; it needs Java 17, Maven and npm")
    folders = [MCODE, *packages(), *more]
    home = BUILT / "home"
    command = [
        "java",
        "-Xmx2g",
        f"-Duser.home={home}",
        "-cp",
        f"{BUILT / 'classes'}:{BUILT / 'lib'}/*",
        "peer.Validator",
        *map(str, folders),
    ]
    log = BUILT / "log.txt"
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8") as running,
    ):
        try:
            started = Validator(running, log)
            started.ask()
            yield started
        finally:
            running.terminate()


def packages() -> list[Path]:
    """The folders of the packages that are kept in the repository, unpacked; a changed archive is refused."""
    for name, expected in ARCHIVES.items():
        archive = KEPT / f"{name}.tar.xz"
        if sha256(archive.read_bytes()).hexdigest() != expected:
            raise PeerMissing(f"{archive.name} is not the archive that the tests were written for (wrong SHA-256)")
        if not (BUILT / "packages" / name).is_dir():
            with tarfile.open(archive) as packed:
                packed.extractall(BUILT / "packages", filter="data")
    return [BUILT / "packages" / name for name in ARCHIVES]
