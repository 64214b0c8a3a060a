"""What may a request use? Everything a route needs, joined once in app.py and never changed while serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from flask import current_app

from adapter.facts.answers import Answer
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, StageQuery
from adapter.settings import Settings

if TYPE_CHECKING:
    from adapter.delivery.workplace import Workplace


class Desk(NamedTuple):
    """The settings, the books, the two things that can be asked of the pipeline, and where lasting work is done if there is a server."""

    settings: Settings
    knowledge: Knowledge
    interpret: Callable[[Sequence[bytes], Knowledge, Request], Reply]
    stage: Callable[[StageQuery, Knowledge, str], Answer]
    workplace: Workplace | None = None


def put(app_extensions: dict[str, object], desk: Desk) -> None:
    """Leave the desk where the routes find it."""
    app_extensions["desk"] = desk


def desk() -> Desk:
    """The desk of the application that is answering."""
    return cast("Desk", current_app.extensions["desk"])
