"""Bodies in an envelope that is wrong, rare or malicious: media types, compression, lines, Parameters, queries and headers."""

from __future__ import annotations

import gzip
import json
import zlib
from functools import cache
from random import Random
from typing import Any

from tests.fuzz.addresses import ACCEPTED, ENCODINGS, MEDIA, QUERIES
from tests.fuzz.asked import FHIR_JSON, INTERPRET, Call, any_bundle, post
from tests.fuzz.bent import wrong_type
from tests.fuzz.torn import TEARS


def wrapped(chance: Random) -> Call:
    """A body in an envelope that is wrong, rare or malicious."""
    made = chance.choice((_odd_media, _odd_coding, _bomb, _lines, _parameters, _parameters, _odd_query, _odd_headers))
    return made(chance)


def _odd_media(chance: Random) -> Call:
    call = post(INTERPRET, any_bundle(chance), chance.choice(MEDIA), Accept=chance.choice(ACCEPTED))
    return call._replace(
        method=chance.choice(("POST", "POST", "POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", "BREW"))
    )


def _gzip(body: bytes) -> bytes:
    """The body packed, the same at any time of day."""
    return gzip.compress(body, 1, mtime=0)


def _odd_coding(chance: Random) -> Call:
    """A body that is, or says it is, compressed: whole, cut, torn, twice, or with something behind it."""
    packed = _gzip(any_bundle(chance))
    body = chance.choice(
        (
            packed,
            packed[:-9],
            packed * 2,
            packed + b"x",
            _gzip(packed),
            b"",
            packed[:10],
            chance.choice(TEARS[:4])(packed, chance),
        )
    )
    return post(INTERPRET, body, **{"Content-Encoding": chance.choice(ENCODINGS)})


_MOST = 50 * 1024 * 1024
_ONE = (
    b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p"}},{"resource":{"resourceType":"Observation","id":"o",'
    b'"status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"85329-1"}]},'
)
# What stands before, again and again in, and after a body that unpacks to very much: without end, or whole and full of values.
BOMBS = (
    (b"", b"[", b""),
    (b"", b" ", b""),
    (b"", b"9", b""),
    (b'{"resourceType":"Bundle","entry":[1', b",1", b"]}"),
    (b'{"resourceType":"Parameters","parameter":[{}', b",{}", b"]}"),
    (_ONE + b'"component":[{}', b",{}", b"]}}]}"),
    (_ONE + b'"hasMember":[{"reference":"a"}', b',{"reference":"a"}', b"]}}]}"),
    (_ONE + b'"contained":[1', b",1", b"]}}]}"),
    (_ONE + b'"method":{"coding":[{}', b",{}", b"]}}}]}"),
    (_ONE + b'"extension":[{"url":"a"}', b',{"url":"a"}', b"]}}]}"),
)


@cache
def packed(number: int) -> bytes:
    """One of the bombs, packed piece by piece, so that the memory of the fuzzer is not counted as memory of the service."""
    head, again, tail = BOMBS[number]
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = again * 10_000
    room = _MOST - len(head) - len(tail)
    pieces = [packer.compress(head), *(packer.compress(piece) for _ in range(room // len(piece))), packer.compress(tail), packer.flush()]
    return b"".join(pieces)


def _bomb(chance: Random) -> Call:
    if chance.random() < 0.9:
        # The whole bombs take a second each, so that most are small ones: many empty entries, components or members.
        many = chance.choice((100, 3_000))
        name = chance.choice(("component", "hasMember", "contained", "interpretation", "extension", "focus", "derivedFrom", "partOf"))
        whole = json.loads(any_bundle(chance))
        whole["entry"].append({"resource": {"resourceType": "Observation", name: [{}] * many}})
        return post(INTERPRET, _gzip(json.dumps(whole).encode()), **{"Content-Encoding": "gzip"})
    return post(INTERPRET, packed(chance.randrange(len(BOMBS))), **{"Content-Encoding": "gzip"})


def _lines(chance: Random) -> Call:
    """Lines of JSON: Bundles, resources, torn ones and empty ones."""
    whole = json.loads(any_bundle(chance))
    lines = chance.choice(
        ([any_bundle(chance), any_bundle(chance)], [json.dumps(one["resource"]).encode() for one in whole["entry"] if "resource" in one])
    )
    lines.insert(
        chance.randrange(len(lines) + 1), chance.choice((b"", b"{", b"null", b"\xff", b"[]", chance.choice(TEARS[:4])(lines[0], chance)))
    )
    ends = chance.choice((b"\n", b"\r\n", b"\n\n", b"\r", b"\x1e", b"\xe2\x80\xa8"))
    return post(INTERPRET, ends.join(lines), chance.choice((FHIR_JSON, "application/fhir+ndjson", "application/x-ndjson")))


def _parameters(chance: Random) -> Call:
    """Parameters with the Bundle and everything beside it: values of all types, names that are not known, parts, the same again."""
    bundle = json.loads(chance.choice((any_bundle(chance), b"{}", b"null", b"[]", b'"x"', b'{"resourceType":"Parameters"}')))
    given: list[Any] = [{"name": "bundle", "resource": bundle}, *(odd_parameter(chance) for _ in range(chance.randrange(5)))]
    chance.shuffle(given)
    whole = {"resourceType": "Parameters", "parameter": chance.choice((given, given, given, given[0], None, {}, "x"))}
    if chance.random() < 0.4:
        wrong_type(whole, chance, dict)
    body = json.dumps(whole).encode()
    return post(INTERPRET, chance.choice(TEARS[:5])(body, chance) if chance.random() < 0.3 else body)


def odd_parameter(chance: Random) -> Any:  # noqa: ANN401 - a parameter that is none may be anything.
    name = chance.choice(
        ("bundle", "scheme", "scheme", "basis", "t", "n", "m", "grade", "her2", "oncotype", "dryRun", "x", "", "Bundle", None, 7)
    )
    values = (
        "subtype=stgallen2011",
        "subtype=",
        "=",
        "x=y",
        "fdg-staging=eanm",
        "T2",
        "clinical",
        "\x00",
        "x" * 9999,
        7,
        1.5,
        True,
        None,
        [],
        {},
        10**40,
    )
    kind = chance.choice(
        ("valueString", "valueCode", "valueInteger", "valueDecimal", "valueBoolean", "valueUri", "resource", "part", "_valueString")
    )
    return chance.choice(({"name": name, kind: chance.choice(values)}, {"name": name}, {kind: chance.choice(values)}, None, [], "x"))


def _odd_query(chance: Random) -> Call:
    query = "&".join(chance.choice(QUERIES) for _ in range(chance.choice((1, 1, 3))))
    return post(f"{INTERPRET}?{query}", any_bundle(chance))


def _odd_headers(chance: Random) -> Call:
    """Headers that proxies, browsers and attackers send."""
    odd = {
        "X-Request-Id": chance.choice(("a" * 65, "../../x", "é", "", "ok-1", "a b")),
        "Prefer": chance.choice(("respond-async", "return=minimal", "handling=strict", "x" * 3000, ",;=")),
        "Authorization": chance.choice(("Bearer x", "Bearer " + "a." * 999, "Basic !!!", "Bearer", "é", "Bearer eyJhbGciOiJub25lIn0.e30.")),
        "If-None-Match": chance.choice(("*", "W/", '"', "x" * 999)),
        "If-Modified-Since": chance.choice(("never", "Thu, 99 Jan 2024 00:00:00 GMT")),
        "Range": chance.choice(("bytes=0-1", "bytes=-", "lines=1")),
        "Origin": chance.choice(("null", "https://evil.example", "file://", "x" * 999)),
        "Host": chance.choice(("evil.example", "a b", "[::1", "localhost:99999", "x/y")),
        "X-Forwarded-Host": "evil.example",
        "Content-Length": chance.choice(("0", "7")),
        "Transfer-Encoding": "chunked",
        "traceparent": chance.choice(("00-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01")),
    }
    chosen = chance.sample(sorted(odd), chance.choice((1, 1, 2, 4)))
    return post(INTERPRET, any_bundle(chance), **{name: odd[name] for name in chosen})
