"""How does a client learn what became of its request? The asynchronous pattern of R4: https://hl7.org/fhir/R4/async.html (B9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def manifest(asked: str, finished: str, base: str, addresses: Iterable[str], outcome: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """The manifest of a request that is complete: where each resource that was written stands now."""
    return {
        "transactionTime": finished,
        "request": asked,
        "requiresAccessToken": True,
        "output": [{"type": address.partition("/")[0], "url": f"{base}/{address}"} for address in addresses],
        "error": [],
        "extension": {"outcome": outcome, **counts},
    }


def written_parameters(job: str, outcome: str, counts: Mapping[str, int], addresses: Iterable[str], base: str) -> dict[str, Any]:
    """The answer of `$interpret-and-write` when it could be carried out at once."""
    numbers = [{"name": name, "valueInteger": count} for name, count in counts.items()]
    written = [{"name": "written", "valueReference": {"reference": f"{base}/{address}"}} for address in addresses]
    said = [{"name": "outcome", "valueCode": outcome}, {"name": "job", "valueUri": job}]
    return {"resourceType": "Parameters", "parameter": [*said, *numbers, *written]}


def rehearsed(difference: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The parameter that holds what a dry run would have written, as a Bundle that does nothing by itself."""
    entries = [{"resource": one["resource"]} for one in difference]
    bundle = {"resourceType": "Bundle", "type": "collection"} | ({"entry": entries} if entries else {})
    return {"name": "difference", "resource": bundle}


def answered_manifest(asked: str, finished: str, address: str, counts: Mapping[str, int], *, guarded: bool) -> dict[str, Any]:
    """The manifest of a posted request that is complete; `address` is the one of its job, and with `guarded` its files take a token.

    Each file holds one type, and is named only where it holds something: results under `output`, refused lines under `error`.
    """
    return {
        "transactionTime": finished,
        "request": asked,
        "requiresAccessToken": guarded,
        "output": [{"type": "Bundle", "url": f"{address}/result"}] if counts.get("answered") else [],
        "error": [{"type": "OperationOutcome", "url": f"{address}/errors"}] if counts.get("refused") else [],
        "extension": dict(counts),
    }
