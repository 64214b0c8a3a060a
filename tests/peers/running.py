"""How is a peer started and stopped? As a process of its own, on a port of its own, ended by its own process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 120


class PeerMissing(Exception):
    """A peer cannot be started on this machine; the message says how to get it."""


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block; what it says goes to a file beside its data."""
    with (
        (folder / "log.txt").open("ab") as log,
        subprocess.Popen(command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=log, stderr=log) as running,
    ):
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()


def wait_for(url: str, running: subprocess.Popen[bytes], folder: Path) -> None:
    """Return when the address answers; fail with what the process said when it ends first."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and running.poll() is None:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    said = (folder / "log.txt").read_text(errors="replace")[-3000:]
    raise PeerMissing(f"{url} does not answer; the process said:\n{said}")


@contextmanager
def sekmet(folder: Path, settings: str = "", port: int = 0) -> Iterator[str]:
    """The base of a `sekmet serve` with an empty store in this folder."""
    number = port or free_port()
    base = f"http://127.0.0.1:{number}/fhir"
    lines = [f"base_url: {base}", "host: 127.0.0.1", f"port: {number}", "log_inbound: false", "simulator: {enabled: false}", settings]
    (folder / "settings.yaml").write_text("\n".join(lines))
    command = [str(Path(sys.executable).parent / "sekmet"), "serve", "--config", "settings.yaml"]
    with process(command, folder) as running:
        wait_for(f"{base}/metadata", running, folder)
        yield base


@contextmanager
def hapi(folder: Path) -> Iterator[str]:
    """The base of a HAPI FHIR JPA server with H2 in memory."""
    built = ROOT / "build" / "hapi"
    if not (built / "lib").is_dir():
        raise PeerMissing("HAPI is not built. `make hapi` builds it; it needs Java 17 and Maven (apt install default-jdk-headless maven)")
    port = free_port()
    command = ["java", "-Xmx1g", "-cp", f"{built / 'classes'}:{built / 'lib'}/*", "peer.Hapi", str(port)]
    with process(command, folder) as running:
        wait_for(f"http://127.0.0.1:{port}/fhir/metadata", running, folder)
        yield f"http://127.0.0.1:{port}/fhir"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL of its own; PostgreSQL refuses to run as root, so root starts it as `postgres`."""
    programs, port = _postgresql_programs(), free_port()
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with TemporaryDirectory(prefix="postgresql") as name:
        folder = Path(name)
        if as_user:
            shutil.chown(folder, "postgres")
        data = folder / "data"
        subprocess.run(
            [*as_user, programs / "initdb", "-D", data, "-U", "adapter", "-A", "trust"], check=True, capture_output=True, cwd=folder
        )
        options = ["-D", str(data), "-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with process([*as_user, str(programs / "postgres"), *options], folder) as running:
            _wait_for_postgresql(programs, port, running, folder)
            yield f"postgresql://adapter@127.0.0.1:{port}/postgres"


def _postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise PeerMissing("PostgreSQL was not found under /usr/lib/postgresql: apt install postgresql")
    return found[-1].parent


def _wait_for_postgresql(programs: Path, port: int, running: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
    while time.monotonic() < until and running.poll() is None:
        if subprocess.run(ready, check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.2)
    raise PeerMissing(f"PostgreSQL did not start:\n{(folder / 'log.txt').read_text(errors='replace')[-3000:]}")
