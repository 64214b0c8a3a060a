"""Do the threads of a worker interpret one after the other, while each may wait for its own upload?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import cast

import pytest

from adapter.app import _one_at_a_time
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request

WISHES = Request(issued=datetime(2026, 11, 1, tzinfo=UTC))


def test_two_requests_are_never_interpreted_at_once(knowledge: Knowledge) -> None:
    inside: list[int] = []
    most: list[int] = []

    def interpret(parts: Sequence[bytes], books: Knowledge, wishes: Request) -> Reply:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.002)
        inside.pop()
        return cast("Reply", parts)

    in_turn = _one_at_a_time(interpret)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: in_turn([b"%d" % number], knowledge, WISHES), range(40)))

    assert replies == [[b"%d" % number] for number in range(40)]
    assert max(most) == 1


def test_a_fault_gives_the_turn_back(knowledge: Knowledge) -> None:
    def interpret(parts: Sequence[bytes], books: Knowledge, wishes: Request) -> Reply:
        raise ValueError(parts[0].decode())

    in_turn = _one_at_a_time(interpret)
    for text in ("first", "second"):
        with pytest.raises(ValueError, match=text):
            in_turn([text.encode()], knowledge, WISHES)
