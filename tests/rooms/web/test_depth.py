"""How deep JSON may be nested: counted before anything is read, whatever stands in its texts."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from adapter.fhir.outcome import Refusal
from adapter.web.depth import MOST_DEPTH, shallow

INTERPRET = "/fhir/$interpret-breast-cancer"


def nested(depth: int, inner: object = "x") -> object:
    value = inner
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


def depth_of(value: object) -> int:
    """The depth by the definition, level by level."""
    if isinstance(value, dict):
        return 1 + max((depth_of(one) for one in value.values()), default=0)
    return 1 + max((depth_of(one) for one in value), default=0) if isinstance(value, list) else 0


@pytest.mark.parametrize("inner", ["x", '[[[["{{{', "\\", '\\"[', "\n\\\\", "", "\u2028"])
def test_the_limit_is_where_it_is_said_to_be(inner: str) -> None:
    assert shallow(json.dumps(nested(MOST_DEPTH, inner)).encode())
    with pytest.raises(Refusal):
        shallow(json.dumps(nested(MOST_DEPTH + 1, inner)).encode())


def test_many_brackets_side_by_side_are_not_deep() -> None:
    body = json.dumps([[{}, []], {"a": "]["}] * 5000).encode()

    assert shallow(body) is body


@given(
    st.recursive(
        st.text() | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=60
    )
)
def test_any_json_is_let_through_or_refused_by_its_depth_alone(value: object) -> None:
    for level in (0, MOST_DEPTH - 1, MOST_DEPTH + 5):
        whole = nested(level, value)
        body = json.dumps(whole, ensure_ascii=False).encode()
        if depth_of(whole) <= MOST_DEPTH:
            assert shallow(body) is body
        else:
            with pytest.raises(Refusal):
                shallow(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Bundle","entry":[{"resource":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}",
        b'{"a":' * 50_000,
        b"[" * 500_000,
        b'{"a":[' * 50_000 + b"]}" * 50_000,
        b'{"resourceType":"Parameters","parameter":[{"name":"bundle","resource":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}]}",
    ],
)
def test_a_body_that_is_nested_too_deep_is_400(client: FlaskClient, body: bytes) -> None:
    answer = client.post(INTERPRET, data=body, headers={"Content-Type": "application/fhir+json"})

    assert (answer.status_code, json.loads(answer.data)["issue"][0]["code"]) == (400, "too-costly")
