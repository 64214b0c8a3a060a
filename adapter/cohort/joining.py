"""How do the pieces become the results? One file of results, one table, and what was kept aside with its reasons."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from shutil import copyfileobj
from typing import Any

import msgspec

from adapter.cohort.answering import Unit
from adapter.cohort.folder import Stretch
from adapter.cohort.lines import lines_of
from adapter.cohort.place import ASIDE, CASES, RESULTS, Place, Plan
from adapter.cohort.table import schema


def joined(place: Place, files: Sequence[Path], unread: Sequence[str], units: int, found: dict[str, Any]) -> dict[str, Any]:
    """Write the three files and give what the report says of them."""
    names = [place.answered / f"{number:06d}" for number in range(units)]
    made = [msgspec.json.decode(name.with_suffix(".json").read_bytes(), type=Unit) for name in names]
    plan = msgspec.json.decode((place.work / "plan.json").read_bytes(), type=Plan)
    _results(names, place.out / RESULTS)
    _cases(names, place.out / CASES, plan)
    reasons = _aside(place, files, [one for unit in made for one in unit.refused])
    return report(plan, found, [path.name for path in files], unread, sum(unit.cases for unit in made), reasons)


def report(
    plan: Plan, found: dict[str, Any], files: Sequence[str], unread: Sequence[str], cases: int, reasons: dict[str, int]
) -> dict[str, Any]:
    """What was done, by what, and what became of every line; without times, so that the same run gives the same bytes."""
    return {
        "signature": msgspec.to_builtins(plan.signature),
        "issued": plan.issued,
        "files": list(files),
        "not_read": list(unread),
        "lines": found["lines"],
        "patients": found["patients"],
        "cases": cases,
        "kept_aside": dict(sorted(reasons.items())),
        "no_patient_data": found["passed_by"],
    }


def _results(names: Iterable[Path], target: Path) -> None:
    draft = target.with_name(f"{target.name}.draft")
    with draft.open("wb") as whole:
        for name in names:
            with name.with_suffix(".ndjson").open("rb") as piece:
                copyfileobj(piece, whole)
    draft.replace(target)


def _cases(names: Iterable[Path], target: Path, plan: Plan) -> None:
    import pyarrow.parquet as pq

    draft = target.with_name(f"{target.name}.draft")
    said = {"software": plan.signature.software, "knowledge": plan.signature.knowledge, "issued": plan.issued}
    with draft.open("wb") as file, pq.ParquetWriter(file, schema(), compression="zstd") as writer:
        writer.add_key_value_metadata(said)
        for name in names:
            writer.write_table(pq.read_table(name.with_suffix(".parquet")))
    draft.replace(target)


def _aside(place: Place, files: Sequence[Path], refused: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Each line that was not used, as it was sent, with its place and the reason; and each patient who was refused."""
    import pyarrow.parquet as pq

    rows = pq.read_table(place.grouped / "aside.parquet").to_pylist()
    reasons: Counter[str] = Counter()
    draft = place.out / f"{ASIDE}.draft"
    with draft.open("wb") as out:
        for number, mine in groupby(rows, key=lambda row: int(row["file"])):
            for line, text, reason in _texts(files[number], {int(row["line"]): str(row["aside"]) for row in mine}):
                reasons[reason.partition(":")[0]] += 1
                out.write(kept(files[number].name, line, reason, text))
        for patient, reason in refused:
            reasons["refused-patient"] += 1
            out.write(msgspec.json.encode({"patient": patient, "reason": f"refused-patient: {reason}"}) + b"\n")
    draft.replace(place.out / ASIDE)
    return dict(reasons)


def _texts(path: Path, wanted: dict[int, str]) -> Iterator[tuple[int, bytes, str]]:
    whole = Stretch(0, 0, str(path), 0, path.stat().st_size)
    for number, text in enumerate(lines_of(whole), start=1):
        if number in wanted:
            yield number, text, wanted[number]


def kept(file: str, line: int, reason: str, text: bytes) -> bytes:
    """One line of what was kept aside; text that is not UTF-8 is written in base64, so that not a byte is lost."""
    place = {"file": file, "line": line, "reason": reason}
    try:
        return msgspec.json.encode(place | {"text": text.decode()}) + b"\n"
    except UnicodeDecodeError:
        return msgspec.json.encode(place | {"base64": b64encode(text).decode()}) + b"\n"
