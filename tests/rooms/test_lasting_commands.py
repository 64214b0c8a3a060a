"""When do the workers of `deliver` stop? The whole is run in tests/test_whole_loop.py and, under kills, by `make soak`."""

from __future__ import annotations

import pytest

from adapter.lasting_commands import is_over


@pytest.mark.parametrize(
    ("codes", "over"),
    [
        ([None, None], False),
        ([-9, None], False),
        ([-9, -9], False),
        ([0, None], False),
        ([0, -9], False),
        ([0, 0], True),
        ([1, None], True),
        ([1, -9], True),
        ([], True),
    ],
)
def test_workers_that_were_killed_are_not_over(codes: list[int | None], over: bool) -> None:
    """A worker may be killed between two looks; that must never be taken for the end of the work."""
    assert is_over(codes) is over
