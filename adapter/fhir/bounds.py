"""How much may one request hold? Counted before it is built: a few packed kilobytes can unpack to millions of values."""

from __future__ import annotations

import msgspec

# In our fixtures a resource has 35 to 65 JSON values and a value takes 24 bytes. Both leave room for other senders.
VALUES_FOR_EACH_ENTRY = 200
BYTES_FOR_EACH_VALUE = 10
# Components, members, results, contained resources: each may become a statement or an issue of its own, as an entry does.
PARTS_FOR_EACH_ENTRY = 4
# What no limit is set below, because a few values take no memory worth counting.
_FEW = 100_000


def values_at_most(body: bytes) -> int:
    """No less than the number of JSON values in a body: every value is the first of a list or object, or follows a comma."""
    return body.count(b",") + body.count(b"{") + body.count(b"[") + 1


def is_crowded(body: bytes, limit: int) -> bool:
    """True when a body holds more values than one of this many bytes would in ordinary FHIR, and so takes many times its size to read."""
    most = max(limit // BYTES_FOR_EACH_VALUE, _FEW)
    # A value takes a byte at least, so a small body need not be counted.
    return len(body) > most and values_at_most(body) > most


def parts_of(resource: msgspec.Struct) -> int:
    """How many components, members, results, contained resources and other listed parts a resource has."""
    return sum(len(value) for name in resource.__struct_fields__ if isinstance(value := getattr(resource, name), tuple))
