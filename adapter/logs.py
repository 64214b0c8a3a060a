"""What is logged, and how? One line for each event, as text or as a JSON object, with the correlation id of the request that it belongs to.

A log is read by many, so an exception leaves its type and its places in the code and never its words: these could quote a patient.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

# The request that is being answered, for everything that is logged or sent on its behalf.
CORRELATION: ContextVar[str] = ContextVar("correlation", default="")

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Text(logging.Formatter):
    """One line of words."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return f"{moment} {record.levelname} {record.name} {_told(record)}"


class Lines(logging.Formatter):
    """One JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _told(record),
        }
        if CORRELATION.get():
            said["request_id"] = CORRELATION.get()
        said |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        return json.dumps(said, default=str, ensure_ascii=False)


class Discreet(logging.Filter):
    """Keep the server's own words about a request out of the log: they quote its first line, in which a patient may stand."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info or "request" in str(record.msg).lower():
            record.msg, record.args = "a request could not be read or answered", ()
        return True


def configure(form: str) -> None:
    """Log to standard error in this form, everything from the level of information up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if form == "json" else Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("gunicorn.error").addFilter(Discreet())


def _told(record: logging.LogRecord) -> str:
    """The message on one line, and of an exception its type and where it was raised."""
    words = record.getMessage().replace("\r", " ").replace("\n", " ")
    if not record.exc_info or record.exc_info[0] is None:
        return words
    places = " < ".join(f"{one.name} {one.filename}:{one.lineno}" for one in reversed(traceback.extract_tb(record.exc_info[2])))
    return f"{words}: {record.exc_info[0].__name__} at {places}"
