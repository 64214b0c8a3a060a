"""Feedback on cards: kept once, by whoever said it, on both databases (D7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest

from adapter.delivery.feedback import Feedback, FeedbackBook

AT = datetime(2026, 5, 1, 10, 5, 31, tzinfo=UTC)


@pytest.fixture
def made(database_url: str) -> Iterator[Callable[[], FeedbackBook]]:
    """Books on one database, whose connections are closed with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(FeedbackBook(database_url)))


def overridden(card: str = "c1", **more: object) -> Feedback:
    return Feedback(**({"card": card, "outcome": "overridden", "at": AT} | more))


def test_d7_the_same_words_are_kept_once_and_the_last_reason_counts(made: Callable[[], FeedbackBook]) -> None:
    """D7: the same card may come again."""
    book = made()
    book.keep("s", "a", [overridden()], AT)
    book.keep("s", "a", [overridden(reason_code="known-already"), overridden(reason_code="not-now")], AT)

    assert [one.reason_code for one in book.kept()] == ["not-now"]


def test_d7_what_two_clients_say_of_one_card_is_two_things(made: Callable[[], FeedbackBook]) -> None:
    book = made()
    for client in ("a", "b"):
        book.keep("s", client, [overridden()], AT)

    assert {one.client for one in book.kept()} == {"a", "b"}


def test_d7_the_same_words_at_the_same_moment_are_kept_once(made: Callable[[], FeedbackBook]) -> None:
    """Eight requests at once, as from a client that lost its connections and sends again."""
    made().keep("s", "a", [overridden("other")], AT)
    books = [made() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda book: book.keep("s", "a", [overridden()], AT), books))

    assert sorted(one.card for one in books[0].kept()) == ["c1", "other"]
