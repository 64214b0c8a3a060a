"""The pages with the real pipeline behind them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk


@pytest.fixture
def visitor(knowledge: Knowledge) -> Callable[..., FlaskClient]:
    """Somebody with a browser, before a service with these settings."""

    def build(**settings: object) -> FlaskClient:
        chosen = Settings(**settings)
        return create_app(chosen, Desk(chosen, knowledge, interpret, stage)).test_client()

    return build


@pytest.fixture
def client(visitor: Callable[..., FlaskClient]) -> FlaskClient:
    return visitor()
