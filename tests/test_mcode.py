"""Does what we claim about mCODE stand in the mCODE package itself? `make test-all` fetches it into build/mcode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapter.knowledge.books import Knowledge

MCODE = "http://hl7.org/fhir/us/mcode/"


@pytest.fixture(scope="module")
def package(root: Path) -> Path:
    """The unpacked package."""
    folder = root / "build" / "mcode" / "package"
    assert folder.is_dir(), "the mCODE package is not there: run `make test-all`, which fetches it"
    return folder


@pytest.mark.network
def test_the_package_is_the_version_that_the_sources_name(package: Path) -> None:
    manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))

    assert (manifest["name"], manifest["version"]) == ("hl7.fhir.us.mcode", "4.0.0")


@pytest.mark.network
def test_every_mcode_profile_that_an_answer_may_claim_is_an_observation_profile(package: Path, knowledge: Knowledge) -> None:
    claimed = {profile.url for shape in knowledge.outputs.results.values() for profile in shape.profiles if profile.url.startswith(MCODE)}
    assert claimed

    for url in claimed:
        profile = json.loads((package / f"StructureDefinition-{url.rpartition('/')[2]}.json").read_text(encoding="utf-8"))
        assert (profile["url"], profile["type"], profile["abstract"]) == (url, "Observation", False)
