"""What is said of a fault of ours? A number to find in the log, which has places in the code and no message of the fault."""

from __future__ import annotations

import logging
import traceback
from uuid import uuid4

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity


def incident(error: Exception, log: logging.Logger) -> Issue:
    """The issue for a fault that nobody foresaw, written to the log under its number; the message of a fault could quote a patient."""
    number = uuid4().hex
    places = " < ".join(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)))
    log.error("incident=%s %s at %s", number, type(error).__name__, places)
    text = f"something went wrong inside the service; its operator finds the place in the log under incident {number}"
    return Issue(code="internal-error", severity=Severity.ERROR, text=text)
