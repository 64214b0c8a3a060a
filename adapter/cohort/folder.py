"""What is in the folder of a Bulk Data export, and is it still the same? https://hl7.org/fhir/uv/bulkdata/STU2/export.html."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adapter.cohort.trouble import Halted

MANIFEST = "manifest.json"
_ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
_PROBE = 65_536


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of one file that one process reads: every line that begins from `start` up to `end`."""

    number: int
    file: int
    path: str
    start: int
    end: int


class _Output(msgspec.Struct):
    url: str = ""


class _Manifest(msgspec.Struct):
    output: list[_Output] = []


def files_in(folder: Path) -> list[Path]:
    """The files to read, by name: the ones that the output manifest lists where there is one, else every NDJSON file."""
    if not folder.is_dir():
        raise Halted(f"{folder} is no folder; name the folder that holds the NDJSON files of the export")
    found = {path.name: path for path in folder.iterdir() if path.is_file()}
    manifest = folder / MANIFEST
    return [found[name] for name in wanted(found, manifest.read_bytes() if manifest.is_file() else None, str(folder))]


def wanted(names: Iterable[str], manifest: bytes | None, folder: str) -> list[str]:
    """The names to read, sorted: of those that are there, the ones that the manifest lists."""
    found = {name for name in names if name.lower().endswith(_ENDINGS)}
    if manifest is not None:
        listed = _listed(manifest)
        _refuse_gaps(sorted(name for name in listed if not {name, f"{name}.gz"} & found), folder)
        found = {name for name in found if {name, name[:-3] if is_packed(name) else name} & listed}
    if not found:
        raise Halted(f"there is no NDJSON file in {folder}; expected names that end in {', '.join(_ENDINGS)}")
    return sorted(found)


def not_read(names: Iterable[str], read: Iterable[str]) -> list[str]:
    """What else is in the folder, sorted, but for the manifest: nothing is passed over without a word."""
    return sorted({*names} - {*read, MANIFEST})


def is_packed(name: str) -> bool:
    """Whether a file is compressed, by its name."""
    return name.lower().endswith(".gz")


def _refuse_gaps(absent: Sequence[str], folder: str) -> None:
    if absent:
        names = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        raise Halted(f"{MANIFEST} lists files that are not in {folder}: {names}. Fetch them, or remove {MANIFEST} to read what is there")


def _listed(manifest: bytes) -> set[str]:
    """The names in the `output` of the manifest; its `error` and `deleted` files hold no patient."""
    try:
        found = msgspec.json.decode(manifest, type=_Manifest)
    except msgspec.DecodeError as error:
        raise Halted(f"{MANIFEST} is no Bulk Data manifest: {error}") from error
    return {one.url.rsplit("/", 1)[-1] for one in found.output if one.url}


def stretches(files: Iterable[Path], most_bytes: int) -> list[Stretch]:
    """The work of reading, cut so that all cores have some; what is compressed can only be read from its beginning."""
    found: list[Stretch] = []
    for number, path in enumerate(files):
        size = path.stat().st_size
        step = max(size, 1) if is_packed(path.name) else most_bytes
        for start in range(0, max(size, 1), step):
            found.append(Stretch(len(found), number, str(path), start, min(start + step, size)))
    return found


def print_of(files: Iterable[Path]) -> str:
    """A fingerprint of the inputs: name, size and time of change of each file, and how it begins and ends."""
    digest = hashlib.sha256()
    for path in files:
        state = path.stat()
        digest.update(f"{path.name}|{state.st_size}|{state.st_mtime_ns}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_PROBE))
            file.seek(max(0, state.st_size - _PROBE))
            digest.update(file.read(_PROBE))
    return digest.hexdigest()
