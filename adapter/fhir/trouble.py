"""What can go wrong with a FHIR server on the other side, and does it pass? https://hl7.org/fhir/R4/http.html#Status-Codes.

No trouble carries text that the server sent: its diagnostics may quote a patient.
"""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """One word for each way in which a server can fail us."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CUT_OFF = "cut-off"
    THROTTLED = "throttled"
    SERVER_ERROR = "server-error"
    CONFLICT = "conflict"
    PARTLY_REFUSED = "partly-refused"
    GONE = "gone"
    NOT_AUTHORIZED = "not-authorized"
    REFUSED = "refused"
    NOT_ALLOWED = "not-allowed"
    TOO_LARGE = "too-large"


# What is worth trying again without anybody doing anything: the server may answer tomorrow what it could not answer today.
PASSING = frozenset({Fault.UNREACHABLE, Fault.TIMEOUT, Fault.CUT_OFF, Fault.THROTTLED, Fault.SERVER_ERROR, Fault.NOT_AUTHORIZED})

# What has to be read and worked out again, because the server has moved on meanwhile.
MOVED_ON = frozenset({Fault.CONFLICT, Fault.PARTLY_REFUSED})


class Trouble(Exception):
    """A server did not do what it was asked: the kind of fault, the status if there was one, and the seconds that it asked us to wait."""

    def __init__(self, fault: Fault, what: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.fault = fault
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"{what}: {fault.value}" + (f" (HTTP {status})" if status else ""))
