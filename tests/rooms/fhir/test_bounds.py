"""How much may one request hold? Counted before anything is built from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.fhir.bounds import BYTES_FOR_EACH_VALUE, VALUES_FOR_EACH_ENTRY, is_crowded, values_at_most
from adapter.fhir.bundle import arrived
from adapter.fhir.outcome import Refusal
from tests.sending import ER_PERCENT, bundle, observation, percent, reference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
FIXTURES = sorted((Path(__file__).parents[3] / "fixtures").glob("*/input.json"))


def values(of: object) -> int:
    """Every value in a tree, the tree among them."""
    inner = of.values() if isinstance(of, dict) else of if isinstance(of, list) else ()
    return 1 + sum(values(one) for one in inner)


@given(JSON)
def test_the_count_is_never_less_than_the_values(whole: object) -> None:
    assert values_at_most(json.dumps(whole).encode()) >= values(whole)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_no_ordinary_bundle_comes_near_the_limits(path: Path) -> None:
    body = json.dumps(json.loads(path.read_bytes())).encode()
    assert values_at_most(body) * BYTES_FOR_EACH_VALUE * 2 < len(body)
    assert values_at_most(body) * 2 < len(json.loads(body)["entry"]) * VALUES_FOR_EACH_ENTRY


@pytest.mark.parametrize("one", [b"1", b"{}", b"[]", b'{"a":1}'])
def test_a_body_of_empty_values_is_crowded_and_text_of_the_same_size_is_not(one: bytes) -> None:
    limit = 2_000_000
    crowded = b"[" + b",".join([one] * (limit // (len(one) + 1))) + b"]"
    assert is_crowded(crowded, limit)
    assert not is_crowded(b'"' + b"x" * len(crowded) + b'"', limit)


def refused(body: bytes, max_entries: int) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        arrived([body], max_entries)
    return caught.value.status, caught.value.issues[0].code


@pytest.mark.parametrize(
    "many",
    [
        {"component": [{}] * 41},
        {"hasMember": [reference("Observation/x")] * 41},
        {"contained": [{"resourceType": "Observation"}] * 41},
        {"contained": [{"resourceType": "Observation", "component": [{}] * 41}]},
        {"interpretation": [{}] * 41},
    ],
    ids=["components", "members", "contained", "in contained", "interpretations"],
)
def test_parts_count_as_well_as_entries(many: dict[str, object]) -> None:
    body = bundle(observation(ER_PERCENT, percent(95), **many))
    assert refused(body, 10) == (413, "too-many-entries")
    assert len(arrived([body], 50).received) >= 2


def test_values_are_counted_before_they_are_read() -> None:
    body = bundle(observation(ER_PERCENT, percent(95), method={"coding": [{}] * 2000}))
    assert refused(body, 10) == (413, "too-many-entries")
    assert len(arrived([body], 100).received) == 2
