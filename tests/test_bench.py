"""The measurements measure something: what `make bench` starts does start, and each way on a chart does its work. No time is asserted."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from adapter.knowledge.books import Knowledge
from tests.bench.bench import COLD, started
from tests.bench.charts import chart
from tests.bench.ways import ways


@pytest.mark.parametrize("name", COLD)
def test_what_is_started_cold_ends_well(name: str) -> None:
    assert started(COLD[name], forgets="first" in name) > 0


def test_every_way_works_on_the_same_chart(knowledge: Knowledge) -> None:
    content = chart(100, 1)
    works = ways(content, knowledge)

    assert len(json.loads(content)["entry"]) == 100
    assert len(json.loads(cast("str", works["a"]()))["entry"]) == 100
    assert [found for found in cast("list[Any]", works["c"]()) if not found] == []
    assert cast("Any", works["checked"]()).bundle == cast("Any", works["trusted"]()).bundle
