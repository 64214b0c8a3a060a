"""A service for tests of the time limit: routes that never end, behind the real server of the adapter. The port is the argument."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from flask import Flask, Response, request

from adapter.knowledge.loader import load
from adapter.logs import configure
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.deadline import bound
from adapter.web.desk import Desk, put
from adapter.web.errors import register
from adapter.web.server import run

SECONDS = 1.0


def application() -> Flask:
    """Routes that are slow in different ways."""
    app = Flask("slow", static_folder=None)
    settings = Settings()
    put(app.extensions, Desk(settings, load(), interpret, stage))
    register(app)

    @app.get("/spin")
    def spin() -> str:
        while True:
            pass

    @app.get("/stubborn")
    def stubborn() -> str:
        while True:
            # A library may do this.
            with suppress(Exception):
                time.sleep(0.01)

    @app.post("/body")
    def body() -> Response:
        return Response(str(len(request.stream.read())))

    @app.get("/quick")
    def quick() -> str:
        return "quick"

    bound(app, SECONDS)
    return app


if __name__ == "__main__":
    configure("text")
    run(application(), "127.0.0.1", int(sys.argv[1]), 1)
