"""A hospital with a FHIR server: it admits our synthetic patients under names of their own, amends and withdraws results, and is read.

Everything here speaks HTTP to the server and uses nothing of the adapter, so what a test reads is what the server says.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests

from tests.peers.running import ROOT

Resource = dict[str, Any]

CANONICAL = "https://breast-adapter.example/fhir"
RESULT = f"{CANONICAL}/CodeSystem/result"
ANSWER = f"{CANONICAL}/CodeSystem/answer"
JSON = {"Content-Type": "application/fhir+json", "Cache-Control": "no-cache"}


@dataclass(frozen=True)
class Patient:
    """One patient on one server; every id begins with the name of the patient, so that tests do not meet."""

    base: str
    name: str
    scenario: str = "luminal-b-like-stage-iib"

    @property
    def reference(self) -> str:
        return f"Patient/{self.id_of('p01')}"

    def id_of(self, plain: str) -> str:
        return f"{self.name}-{plain}"

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """The resources of the scenario by their plain id, with the ids of this patient."""
        sent = json.loads((ROOT / "fixtures" / self.scenario / "input.json").read_text(encoding="utf-8"))
        found = [entry["resource"] for entry in sent["entry"]]
        names = {f"{one['resourceType']}/{one['id']}": f"{one['resourceType']}/{self.id_of(one['id'])}" for one in found}
        return {one["id"]: {**_renamed(one, names), "id": self.id_of(one["id"])} for one in found}

    def admit(self, *without: str) -> None:
        """Load the patient in one transaction, without these results; a strict server wants no report that names them either."""
        left_out = {f"Observation/{self.id_of(name)}" for name in without}
        self.put(*(_without_results(one, left_out) for name, one in self.resources.items() if name not in without))

    def put(self, *resources: Resource) -> None:
        """Write these resources, each under its own id."""
        entries = [{"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}} for one in resources]
        self._done(
            requests.post(self.base, json={"resourceType": "Bundle", "type": "transaction", "entry": entries}, headers=JSON, timeout=60)
        )

    def withdraw(self, *names: str) -> None:
        """Mark results as entered in error."""
        self.put(*({**self.resources[name], "status": "entered-in-error"} for name in names))

    def amend(self, name: str, **changes: object) -> None:
        """Write a result again with these elements changed."""
        self.put({**self.resources[name], "status": "amended", **changes})

    def delete(self, reference: str) -> None:
        self._done(requests.delete(f"{self.base}/{reference}", headers=JSON, timeout=60))

    def search(self, kind: str, **parameters: str) -> list[Resource]:
        """Every resource of this type about the patient, over all pages."""
        found: list[Resource] = []
        url: str | None = f"{self.base}/{kind}?patient={self.reference}&_count=50&" + "&".join(f"{k}={v}" for k, v in parameters.items())
        while url:
            page = self._done(requests.get(url, headers=JSON, timeout=60)).json()
            found += [entry["resource"] for entry in page.get("entry", ())]
            url = next((link["url"] for link in page.get("link", ()) if link["relation"] == "next"), None)
        return found

    def results(self) -> dict[str, Resource]:
        """Our results by their kind; of several of one kind, each by its id too."""
        ours = [one for one in self.search("Observation") if _kind(one)]
        many = Counter(map(_kind, ours))
        return {str(_kind(one)) if many[_kind(one)] == 1 else f"{_kind(one)} {one['id']}": one for one in ours}

    def answers(self) -> dict[str, str | None]:
        """The answer code of each result that still stands; None for one without a value."""
        return {kind: answer_of(one) for kind, one in self.results().items() if one["status"] == "final"}

    def reports(self) -> list[Resource]:
        return [
            one
            for one in self.search("DiagnosticReport")
            if any(c.get("code") == "breast-cancer-interpretation" for c in one["code"]["coding"])
        ]

    def written(self) -> int:
        """How many results and reports of ours the server holds, whatever their status."""
        return len(self.results()) + len(self.reports())

    def history(self, reference: str) -> list[Resource]:
        """Every version of a resource, oldest first."""
        page = self._done(requests.get(f"{self.base}/{reference}/_history?_count=50", headers=JSON, timeout=60)).json()
        return sorted((entry["resource"] for entry in page["entry"] if "resource" in entry), key=lambda one: int(one["meta"]["versionId"]))

    def versions(self) -> dict[str, list[tuple[str, str | None]]]:
        """Status and answer of every version of every result, oldest first, as the server's history tells it."""
        found = self.results()
        return {kind: [(v["status"], answer_of(v)) for v in self.history(f"Observation/{one['id']}")] for kind, one in found.items()}

    def provenances(self) -> list[Resource]:
        """Every Provenance of our report, oldest first."""
        reports = [f"DiagnosticReport/{one['id']}" for one in self.reports()]
        found: dict[str, Resource] = {}
        for report in reports:
            url = f"{self.base}/Provenance?target={report}&_count=50"
            page = self._done(requests.get(url, headers=JSON, timeout=60)).json()
            found |= {entry["resource"]["id"]: entry["resource"] for entry in page.get("entry", ())}
        return sorted(found.values(), key=lambda one: str(one["recorded"]))

    def _done(self, response: requests.Response) -> requests.Response:
        assert response.ok, f"{response.request.method} {response.url}: {response.status_code} {response.text[:2000]}"
        return response


def answer_of(result: Resource) -> str | None:
    """Our answer code of a result."""
    codings = result.get("valueCodeableConcept", {}).get("coding", ())
    return next((one["code"] for one in codings if one.get("system") == ANSWER), None)


def _kind(one: Resource) -> str | None:
    return next((c["code"] for c in one["code"]["coding"] if c.get("system") == RESULT), None)


def _without_results(resource: Resource, left_out: set[str]) -> Resource:
    if resource["resourceType"] != "DiagnosticReport":
        return resource
    return {**resource, "result": [one for one in resource["result"] if one["reference"] not in left_out]}


def _renamed(node: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 - a FHIR resource is a tree of any JSON.
    if isinstance(node, dict):
        return {key: names.get(value, value) if key == "reference" else _renamed(value, names) for key, value in node.items()}
    return [_renamed(value, names) for value in node] if isinstance(node, list) else node


def until(condition: Callable[[], bool], tries: Iterable[int] = range(200), pause: float = 0.05) -> None:
    """Wait for something that happens by itself; a test that waits for ever is stopped by its limit."""
    import time

    for _ in tries:
        if condition():
            return
        time.sleep(pause)
    raise AssertionError("what was waited for did not happen")
