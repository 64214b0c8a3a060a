"""How deep may JSON be nested? A limit that is looked at before anything is read, in a time that grows with the size only."""

from __future__ import annotations

from http import HTTPStatus

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.outcome import Refusal

# FHIR resources that people write are nested less than 30 deep; contained resources and extensions add some.
MOST_DEPTH = 100
_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))
_AS_ONE = bytes.maketrans(b"{}", b"[]")


def shallow(body: bytes) -> bytes:
    """The body, unless it is nested deeper than the limit."""
    if _is_deep(body):
        text = f"the JSON is nested deeper than {MOST_DEPTH} levels; FHIR resources are not"
        raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code="too-deep", severity=Severity.ERROR, text=text),))
    return body


def _is_deep(body: bytes) -> bool:
    """Whether brackets stand around brackets more often than the limit. Each pass takes the innermost level away, at the speed of C."""
    if body.count(b"[") + body.count(b"{") <= MOST_DEPTH:
        return False
    # Escapes go first, in pairs from the left, so that every quotation mark that is left opens or closes a text.
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_AS_ONE, _OTHERS)
    left = b"".join(bare.split(b'"')[::2])
    for _ in range(MOST_DEPTH):
        less = left.replace(b"[]", b"")
        if len(less) == len(left):
            # What is left does not close, and the parser says where; unless there are too many to even try.
            return max(left.count(b"["), left.count(b"]")) > MOST_DEPTH
        left = less
    return bool(left)
