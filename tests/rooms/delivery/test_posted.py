"""What was posted to be answered later, in each database: kept once, answered once, gone when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from adapter.delivery import outbox, posted
from adapter.delivery.jobs import NotKept, Outcome, State, Work
from adapter.delivery.tables import ANSWERS, JOBS, POSTED
from adapter.delivery.worker import do
from adapter.delivery.workplace import Workplace

BUNDLE = b'{"resourceType":"Bundle"}'


@pytest.fixture
def place(place_for: Callable[..., Workplace]) -> Workplace:
    """A workplace without any server behind it, whose answers are the Bundle that was asked."""
    return place_for("http://localhost:9", answer=lambda bundle, schemes: bundle)


def kept(engine: Engine) -> tuple[int, ...]:
    with engine.begin() as connection:
        return tuple(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (POSTED, ANSWERS, JOBS))


def test_lines_are_answered_once_and_the_body_goes(place: Workplace) -> None:
    job = posted.accept(place, BUNDLE + b"\n{broken\n", is_lines=True, schemes=[], address="https://a.example", asker="a")
    do(place, outbox.lease_next(place.engine, "w", place.patience, place.clock()))
    done = outbox.show(place.engine, job.id)
    behind = posted.find(place, done, "a")

    assert (done.kind, done.state, done.outcome, done.counts) == (
        Work.INTERPRET,
        State.DONE,
        Outcome.INTERPRETED,
        {"answered": 1, "refused": 1},
    )
    results, refusals = (list(posted.answers(place.engine, behind.name, is_refused=is_refused)) for is_refused in (False, True))
    assert [(number, b"OperationOutcome" in line) for number, line in (*results, *refusals)] == [(1, False), (2, True)]
    assert posted.find(place, done, "b") is None
    with place.engine.begin() as connection:
        assert bytes(connection.execute(select(POSTED.c.body)).scalar_one()) == b""


def test_what_is_over_goes_with_its_job_and_its_answer(place: Workplace, clock: object) -> None:
    posted.accept(place, BUNDLE, is_lines=False, schemes=[], address="https://a.example", asker="")
    clock.turn(hours=23)
    do(place, outbox.lease_next(place.engine, "w", place.patience, place.clock()))
    clock.turn(hours=23)
    # The time of an answer begins when it is there.
    assert posted.forget_expired(place.engine, place.clock()) == 0
    assert kept(place.engine) == (1, 1, 1)
    clock.turn(hours=1)
    assert posted.forget_expired(place.engine, place.clock()) == 1
    assert kept(place.engine) == (0, 0, 0)


def test_a_fault_of_ours_puts_the_request_away_and_it_can_be_asked_for_again(place: Workplace) -> None:
    def broken(bundle: bytes, schemes: object) -> bytes:
        raise ZeroDivisionError("Jane Doe")

    job = posted.accept(place, BUNDLE, is_lines=False, schemes=[], address="https://a.example", asker="")
    do(replace(place, answer=broken), outbox.lease_next(place.engine, "w", place.patience, place.clock()))
    dead = outbox.show(place.engine, job.id)
    outbox.retry(place.engine, job.id, place.clock())
    do(place, outbox.lease_next(place.engine, "w", place.patience, place.clock()))

    assert (dead.state, "Jane" in str(dead.reason)) == (State.DEAD, False)
    assert kept(place.engine) == (1, 1, 2)


def test_a_worker_that_went_silent_is_followed_by_another(place: Workplace, clock: object) -> None:
    posted.accept(place, b"\n".join([BUNDLE] * 3), is_lines=True, schemes=[], address="https://a.example", asker="")
    outbox.lease_next(place.engine, "w", place.patience, place.clock())
    clock.turn(minutes=4)
    second = outbox.lease_next(place.engine, "v", place.patience, place.clock())
    do(place, second)

    assert kept(place.engine) == (1, 3, 1)
    assert place.clock() - outbox.show(place.engine, second.id).created == timedelta(minutes=4)


def test_what_nobody_answers_does_not_pile_up(place: Workplace) -> None:
    place = replace(place, most_waiting=2)
    for _ in range(2):
        posted.accept(place, BUNDLE, is_lines=False, schemes=[], address="https://a.example", asker="")

    with pytest.raises(NotKept):
        posted.accept(place, BUNDLE, is_lines=False, schemes=[], address="https://a.example", asker="")
    assert kept(place.engine) == (2, 0, 2)
