"""Who listens? gunicorn, started from here, on loopback only where no token is asked for."""

from __future__ import annotations

import gc
import ipaddress
import socket
import struct
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; a name other than localhost is not looked up and does not count."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(app: Flask, host: str, port: int, workers: int) -> None:
    """Serve until told to stop. The books are read before the workers are forked, so they share one copy, which no collector touches."""
    gc.collect()
    gc.freeze()
    _Server(app, {"bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "workers": workers}).run()


# A connection that says nothing for so long while its head is read is closed; it would hold a thread otherwise.
_SILENT_SECONDS = 5


def _bound_silence(worker: Any) -> None:  # noqa: ANN401 - gunicorn has no types.
    """Connections inherit the limit of the socket that they were accepted from."""
    for listener in worker.sockets:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _SILENT_SECONDS, 0))


class _Joining(Logger):  # type: ignore[misc]  # gunicorn has no types.
    """gunicorn's words among our own, in the same form."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types, and being subclassed is its way of being started.
    """gunicorn with our application and without a command line of its own."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        # Threads, so that a slow upload does not hold a whole worker; they interpret one after the other (app.py). The access log stays
        # off: it would hold queries.
        self.options = {
            "preload_app": True,
            "threads": 4,
            "timeout": 60,
            "graceful_timeout": 30,
            "logger_class": _Joining,
            "post_worker_init": _bound_silence,
            "control_socket_disable": True,
        } | options
        self.app = app
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app
