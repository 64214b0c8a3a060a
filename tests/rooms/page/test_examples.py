"""Are the example patients found, in a checkout and in an installed package?"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from adapter.page import examples as here
from adapter.page.examples import example, examples


def test_a_checkout_offers_every_fixture_and_the_ones_to_begin_with_first(root: Path) -> None:
    found = examples()

    assert {one.name for one in found} == {path.parent.name for path in (root / "fixtures").glob("*/input.json")}
    assert found[0].name == "her2-positive-fdg-response"
    assert [one.is_first for one in found] == sorted((one.is_first for one in found), reverse=True)


def test_each_has_a_title_and_its_bundle(root: Path) -> None:
    assert all(one.title for one in examples())
    assert example("bilateral") == (root / "fixtures/bilateral/input.json").read_bytes()


@pytest.mark.parametrize("name", ["", "nothing", "../mappings", "bilateral/../bilateral"])
def test_a_name_that_is_no_example_opens_no_file(name: str) -> None:
    assert example(name) is None


def test_the_wheel_carries_the_ones_to_begin_with(root: Path) -> None:
    included = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]

    assert {path.removeprefix("fixtures/") for path in included if path.startswith("fixtures/")} == {
        one.name for one in examples() if one.is_first
    }


def test_an_installation_without_examples_has_none(tmp_path: Path, root: Path) -> None:
    (tmp_path / "some").mkdir()
    shutil.copytree(root / "fixtures/bilateral", tmp_path / "some/bilateral")

    assert here._read(tmp_path) == ()
    assert [one.name for one in here._read(tmp_path / "some")] == ["bilateral"]
