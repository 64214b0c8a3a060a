"""Which request is number n? Made from the seed and the number alone, so that any one can be made again."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.fuzz.bent import bent, wrong_type
from tests.fuzz.described import described
from tests.fuzz.neighbours import hook_call, notified
from tests.fuzz.plausible import made_bundle
from tests.fuzz.torn import TEARS

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
INTERPRET, STAGE = "/fhir/$interpret-breast-cancer", "/fhir/$stage-breast-cancer"
FHIR_JSON = "application/fhir+json"


class Call(NamedTuple):
    """One HTTP request, and the kind of hostility in it."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@cache
def fixtures() -> tuple[bytes, ...]:
    """The Bundles of every fixture, without the blanks."""
    return tuple(json.dumps(json.loads(path.read_bytes())).encode() for path in sorted(FIXTURES.glob("*/input.json")))


def call(seed: str, number: int) -> Call:
    """Request number `number` of this seed."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - seeded, so that a failure comes back.
    (kind,) = chance.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    return KINDS[kind][1](chance)._replace(kind=kind)


def _post(path: str, body: bytes, media: str = FHIR_JSON, **headers: str) -> Call:
    return Call("", "POST", path, {"Content-Type": media, **headers}, body)


def _any(chance: Random) -> bytes:
    return chance.choice(fixtures())


def _bent_bundle(chance: Random) -> bytes:
    whole = bent(json.loads(_any(chance)), chance, lambda: json.loads(_any(chance)))
    return json.dumps(whole, ensure_ascii=chance.random() < 0.5 or "\\ud" in json.dumps(whole)).encode()


def _torn(chance: Random) -> Call:
    return _post(INTERPRET, chance.choice(TEARS)(_any(chance), chance))


def _bent(chance: Random) -> Call:
    return _post(INTERPRET, _bent_bundle(chance))


def _bent_and_torn(chance: Random) -> Call:
    body = _bent_bundle(chance)
    for _ in range(chance.choice((1, 1, 2))):
        # A tear may leave bytes that are no text; the tears that need text are for whole messages only.
        body = chance.choice(TEARS[:-1])(body, chance)
    return _post(INTERPRET, body)


def _made(chance: Random) -> Call:
    return _post(INTERPRET, made_bundle(chance.randbytes(8192)))


MEDIA = (
    *(
        "application/fhir+json",
        "application/json",
        "text/json",
        "application/fhir+xml",
        "text/xml",
        "text/plain",
        "application/fhir+ndjson",
        "",
    ),
    *(
        "application/x-ndjson",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; charset=latin-1",
        "application/json;charset=UTF-8",
    ),
    *(
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+json;fhirVersion=4.0",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
    ),
    *(
        "application/x-www-form-urlencoded",
        ";",
        "a/b/c",
        "application/fhir+json; charset=",
        'application/fhir+json; charset="',
        "x" * 5000,
        "*/*",
    ),
)
ACCEPTED = (
    *MEDIA,
    "application/fhir+json;q=0",
    "application/json;q=x",
    "*/*;q=0.1",
    "application/fhir+json;q=1e400",
    ",,,",
    "q=1",
    "*" * 999,
)
ENCODINGS = ("gzip", "x-gzip", "deflate", "br", "gzip, gzip", "identity", "GZIP", "zstd", "*", "")


def _wrapped(chance: Random) -> Call:
    """A body in an envelope that is wrong, rare or malicious."""
    made = chance.choice((_odd_media, _odd_coding, _bomb, _lines, _parameters, _parameters, _odd_query, _odd_headers))
    return made(chance)


def _odd_media(chance: Random) -> Call:
    call = _post(INTERPRET, _any(chance), chance.choice(MEDIA), Accept=chance.choice(ACCEPTED))
    return call._replace(
        method=chance.choice(("POST", "POST", "POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", "BREW"))
    )


def _gzip(body: bytes) -> bytes:
    """The body packed, the same at any time of day."""
    return gzip.compress(body, 1, mtime=0)


def _odd_coding(chance: Random) -> Call:
    """A body that is, or says it is, compressed: whole, cut, torn, twice, or with something behind it."""
    packed = _gzip(_any(chance))
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
    return _post(INTERPRET, body, **{"Content-Encoding": chance.choice(ENCODINGS)})


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
def _packed(number: int) -> bytes:
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
        whole = json.loads(_any(chance))
        whole["entry"].append({"resource": {"resourceType": "Observation", name: [{}] * many}})
        return _post(INTERPRET, _gzip(json.dumps(whole).encode()), **{"Content-Encoding": "gzip"})
    return _post(INTERPRET, _packed(chance.randrange(len(BOMBS))), **{"Content-Encoding": "gzip"})


def _lines(chance: Random) -> Call:
    """Lines of JSON: Bundles, resources, torn ones and empty ones."""
    whole = json.loads(_any(chance))
    lines = chance.choice(
        ([_any(chance), _any(chance)], [json.dumps(one["resource"]).encode() for one in whole["entry"] if "resource" in one])
    )
    lines.insert(
        chance.randrange(len(lines) + 1), chance.choice((b"", b"{", b"null", b"\xff", b"[]", chance.choice(TEARS[:4])(lines[0], chance)))
    )
    ends = chance.choice((b"\n", b"\r\n", b"\n\n", b"\r", b"\x1e", b"\xe2\x80\xa8"))
    return _post(INTERPRET, ends.join(lines), chance.choice((FHIR_JSON, "application/fhir+ndjson", "application/x-ndjson")))


def _parameters(chance: Random) -> Call:
    """Parameters with the Bundle and everything beside it: values of all types, names that are not known, parts, the same again."""
    bundle = json.loads(chance.choice((_any(chance), b"{}", b"null", b"[]", b'"x"', b'{"resourceType":"Parameters"}')))
    given: list[Any] = [{"name": "bundle", "resource": bundle}, *(_parameter(chance) for _ in range(chance.randrange(5)))]
    chance.shuffle(given)
    whole = {"resourceType": "Parameters", "parameter": chance.choice((given, given, given, given[0], None, {}, "x"))}
    if chance.random() < 0.4:
        wrong_type(whole, chance, dict)
    body = json.dumps(whole).encode()
    return _post(INTERPRET, chance.choice(TEARS[:5])(body, chance) if chance.random() < 0.3 else body)


def _parameter(chance: Random) -> Any:  # noqa: ANN401 - a parameter that is none may be anything.
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


QUERIES = (
    *(
        "_format=json",
        "_format=xml",
        "_format=",
        "_format=%FF",
        "_format=application/fhir+json;fhirVersion=9",
        "_pretty=true",
        "_pretty=%00",
    ),
    *(
        "scheme=subtype%3Dstgallen2011",
        "scheme=x%3Dy",
        "scheme=%3D",
        "scheme=subtype",
        "x=y",
        "%ED%A0%80=1",
        "a[]=1",
        "&&&=&",
        "_summary=count",
    ),
    *(
        "_elements=id",
        "_format=json&_format=xml",
        "scheme=" + "x" * 9999,
        "_format=" + "a;" * 3000,
        "_since=never",
        "_outputFormat=csv",
        "%",
    ),
)


def _odd_query(chance: Random) -> Call:
    query = "&".join(chance.choice(QUERIES) for _ in range(chance.choice((1, 1, 3))))
    return _post(f"{INTERPRET}?{query}", _any(chance))


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
    return _post(INTERPRET, _any(chance), **{name: odd[name] for name in chosen})


CELLS = (
    *(
        "T2",
        "N1",
        "M0",
        "T1c",
        "Tis",
        "pT2",
        "ypT0",
        "cN1mi",
        "TX",
        "T0",
        "N0(i+)",
        "N3",
        "M1",
        "G1",
        "G2",
        "3",
        "positive",
        "negative",
        "+",
        "-",
        "0",
        "1+",
    ),
    *(
        "2+",
        "3+",
        "",
        " ",
        "T99",
        "T" * 5000,
        "\x00",
        "\ud7ff",
        "🙂",
        "T2\n",
        "null",
        "NaN",
        "-1",
        "1e400",
        "25",
        "10.9",
        "11",
        "100",
        "101",
        "9" * 400,
        "<11",
    ),
    *(
        "clinical",
        "anatomic",
        "pathological",
        "xyz",
        "T2 N0 M0",
        "٢",
        "T²",
        "(((((",
        "cT1-2",
        "T1/T2",
        "unknown",
        "T2;DROP TABLE",
        "${x}",
        "%s",
        "\u202eT2",
    ),
)
_SIGNS = ("positive", "negative", "+", "-")
_PLAIN = {
    "basis": ("clinical", "anatomic", "pathological"),
    "t": ("T1c", "T2", "T4d", "Tis", "pT2", "cT1"),
    "n": ("N0", "N1", "pN1mi", "N3"),
    "m": ("M0", "M1"),
    "grade": ("G1", "G2", "3"),
    "her2": (*_SIGNS, "3+", "2+"),
    "er": _SIGNS,
    "pr": _SIGNS,
    "oncotype": ("9", "25", ""),
}


def _staged(chance: Random) -> Call:
    """The stage of cells of any kind, asked in the URL or in Parameters."""
    cells = {name: chance.choice(_PLAIN[name]) for name in _PLAIN if chance.random() < 0.9}
    for name in chance.sample(sorted(_PLAIN), chance.choice((0, 0, 1, 1, 3, 9))):
        cells[name] = chance.choice(CELLS)
    if chance.random() < 0.5:
        extra = f"&{chance.choice(QUERIES)}" if chance.random() < 0.2 else ""
        return Call("", "GET", f"{STAGE}?{urlencode(cells)}{extra}", {}, b"")
    given: list[Any] = [{"name": name, chance.choice(("valueString", "valueCode")): cell} for name, cell in cells.items()]
    given += [_parameter(chance)] if chance.random() < 0.3 else []
    return _post(STAGE, json.dumps({"resourceType": "Parameters", "parameter": given}).encode())


PLACES = (
    *(
        "metadata",
        "OperationDefinition",
        "CodeSystem",
        "StructureDefinition",
        "ValueSet",
        "Library",
        "ConceptMap",
        "CodeSystem/result",
        "Library/grade",
    ),
    *(
        "Library/knowledge",
        "StructureDefinition/pet-uptake",
        "OperationDefinition/$interpret",
        "CodeSystem/_search",
        "ConceptMap/$translate",
        "Patient",
    ),
    *(
        "Patient/p/$interpret-breast-cancer",
        "Patient/../$interpret-breast-cancer",
        "Patient/%00/$interpret-breast-cancer",
        "Patient/p/$interpret-and-write",
    ),
    *(
        "jobs/x",
        "jobs/%FF",
        "$unknown",
        "$interpret-breast-cancer/",
        "..%2f..%2fetc/passwd",
        "",
        "Observation/1/_history/2",
        "CodeSystem/" + "x" * 3000,
    ),
)
OUTSIDE = (
    "/",
    "//",
    "/health/live",
    "/health/ready",
    "/.well-known/smart-configuration",
    "/openapi.json",
    "/metrics",
    "/favicon.ico",
    "/%2e%2e/%00",
)
SEARCHES = (
    "_id=result",
    "_id=",
    "url=x",
    "url=" + quote("http://a|1"),
    "_id=%00",
    "name=x",
    "_count=-1",
    "_count=1e9",
    "_id=a&_id=b",
    "url=%FF",
    "_sort=-x",
)


def _asked(chance: Random) -> Call:
    """Everything that can be looked up, and much that cannot, with any method."""
    path = chance.choice(OUTSIDE) if chance.random() < 0.15 else f"/fhir/{chance.choice(PLACES)}"
    query = chance.choice(("", "", f"?{chance.choice(SEARCHES)}", f"?{chance.choice(QUERIES)}"))
    method = chance.choice(("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
    if method == "POST":
        form = chance.choice((b"", b"_id=result", b"{}", b"\xff", b"url=" + b"x" * 9999))
        return _post(path + query, form, chance.choice(("application/x-www-form-urlencoded", FHIR_JSON, "")))
    return Call("", method, path + query, {"Accept": chance.choice(ACCEPTED)} if chance.random() < 0.3 else {}, b"")


def _documented(chance: Random) -> Call:
    """What schemathesis makes of our OpenAPI document."""
    made = described(chance)
    return Call("", made.method, made.path, made.headers, made.body)


def _hooked(chance: Random) -> Call:
    path, body = hook_call(json.loads(_any(chance)), chance)
    return _post(path, body, chance.choice(("application/json",) * 18 + ("text/plain", "")))


def _notified(chance: Random) -> Call:
    path, body = notified(json.loads(_any(chance)), chance)
    method = chance.choice(("POST", "POST", "POST", "PUT", "DELETE"))
    return _post(path, body)._replace(method=method)


KINDS: dict[str, tuple[int, Callable[[Random], Call]]] = {
    "bent": (38, _bent),
    "torn": (12, _torn),
    "bent and torn": (8, _bent_and_torn),
    "made by hypothesis": (16, _made),
    "envelope": (7, _wrapped),
    "made by schemathesis": (6, _documented),
    "CDS Hooks": (5, _hooked),
    "notification": (3, _notified),
    "stage": (3, _staged),
    "looked up": (3, _asked),
}
