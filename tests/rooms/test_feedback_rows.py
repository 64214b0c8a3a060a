"""What users did with cards, as the command `feedback` prints it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from adapter.cli import main
from adapter.delivery.feedback import Feedback, FeedbackBook

AT = datetime(2026, 5, 1, 10, 5, 31, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeedbackBook:
    url = f"sqlite:///{tmp_path / 'kept.sqlite'}"
    monkeypatch.setenv("ADAPTER_DATABASE", url)
    return FeedbackBook(url)


def overridden(card: str, comment: str = "", reason: str = "known-already") -> Feedback:
    return Feedback(card=card, outcome="overridden", at=AT, reason_code=reason, comment=comment)


def test_the_command_counts_what_users_did(book: FeedbackBook, capsys: pytest.CaptureFixture[str]) -> None:
    book.keep("service-a", "https://ehr.example", [overridden("1"), overridden("2"), overridden("3", reason="")], AT)

    assert main(["feedback"]) == 0
    assert capsys.readouterr().out.split("\n")[:2] == [
        "     2  service-a  overridden  known-already",
        "     1  service-a  overridden  no reason",
    ]


def test_the_command_says_when_there_is_nothing(book: FeedbackBook, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback"]) == 0
    assert capsys.readouterr().out == "No feedback has come.\n"


def test_the_table_has_a_row_for_each_event(book: FeedbackBook, capsys: pytest.CaptureFixture[str]) -> None:
    book.keep("service-a", "https://ehr.example", [overridden("1", "not, here\nnor there")], AT)

    assert main(["feedback", "--csv"]) == 0
    (row,) = csv.DictReader(StringIO(capsys.readouterr().out))
    assert (row["at"], row["client"], row["comment"]) == ("2026-05-01T10:05:31Z", "https://ehr.example", "not, here\nnor there")


@pytest.mark.parametrize("comment", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_a_comment_is_no_formula_of_a_spreadsheet(book: FeedbackBook, capsys: pytest.CaptureFixture[str], comment: str) -> None:
    """OWASP, CSV injection: a cell that begins with one of these signs is carried out when the table is opened."""
    book.keep("service-a", "https://ehr.example", [overridden("1", comment)], AT)

    assert main(["feedback", "--csv"]) == 0
    (row,) = csv.DictReader(StringIO(capsys.readouterr().out))
    assert row["comment"] == f"'{comment}"
