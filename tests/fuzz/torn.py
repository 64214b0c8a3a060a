"""Messages torn at the level of bytes: structure, extremes, text that is no text, and a JSON object that says a thing twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

# What a mutation writes over, or between, the bytes of a message.
SCRAPS = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"-1",
    b"1e400",
    b"1e-999999",
    b"9" * 200,
    b'"',
    b"\\",
    b"\x00",
    b"\xff\xfe",
    b"\\ud800",
    b"true",
    b"NaN",
    b",",
    b":",
    b"]",
    b"}",
    b'"resourceType":"Bundle",',
    b'"#"',
    b'"urn:uuid:"',
    b"/_history/1",
    b"[" * 300,
    b"Patient/q",
)
# What stands where JSON has a number.
NUMBERS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e-400", b"1e99999999999999999999", b"1E+2", b"-0", b"-0.0", b"0e0"),
    *(b"00", b"01", b".5", b"5.", b"+5", b"0x10", b"1_000", b"9" * 400, b"0." + b"3" * 400, b"2.50000000000000000000", b"1e3", b"1e-7"),
)
_NUMBER = re.compile(rb"(?<=[:\[,\s])-?[0-9]+(?:\.[0-9]+)?(?=[\s,}\]])")
_MEMBER = re.compile(rb'"[A-Za-z]+"\s*:\s*(?:"[^"\\]*"|[0-9.]+|true|false)')
_TEXT = re.compile(rb'"[^"\\]{1,80}"')
_WORDS_IN_TEXT = (
    b"\\ud800",
    b"\\udc00x",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\\u0000",
    b"\x00",
    b"\x1f",
    b"\\u202e",
    b"\\x",
)


def mutated(original: bytes, chance: Random) -> bytes:
    """The message with a few stretches replaced, doubled, cut out or cut off."""
    body = bytearray(original)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(body) + 1)
        end = start + chance.choice([0, 1, 4, 40])
        match chance.randrange(5):
            case 0:
                body[start:end] = chance.choice(SCRAPS)
            case 1:
                body[start:end] = bytes(body[start:end]) * 2
            case 2:
                del body[start:end]
            case 3 if chance.random() < 0.2:
                del body[start:]
            case _:
                body[start : start + 1] = bytes([chance.randrange(256)])
    return bytes(body)


def truncated(original: bytes, chance: Random) -> bytes:
    """The beginning of the message."""
    return original[: chance.randrange(len(original) + 1)]


def with_odd_numbers(original: bytes, chance: Random) -> bytes:
    """The message with one or all of its numbers written in a way that JSON or FHIR does not have."""
    odd = chance.choice(NUMBERS)
    return _NUMBER.sub(lambda _: odd, original) if chance.random() < 0.2 else _one(_NUMBER, original, chance, lambda _: odd)


def with_doubled_keys(original: bytes, chance: Random) -> bytes:
    """The message with some members said twice in one object, with one value or with two."""
    other = chance.choice((b"null", b'""', b"[]", b"{}", b"7", b'"final"', b'"Patient"', b'"Bundle"'))

    def twice(found: re.Match[bytes]) -> bytes:
        key = found[0].partition(b":")[0]
        said = [found[0], key + b":" + (other if chance.random() < 0.5 else found[0].partition(b":")[2])]
        chance.shuffle(said)
        return b",".join(said)

    return _one(_MEMBER, original, chance, twice)


def with_bad_text(original: bytes, chance: Random) -> bytes:
    """The message with half characters, control characters or bytes that are no UTF-8 in one of its texts."""
    word = chance.choice(_WORDS_IN_TEXT)
    return _one(_TEXT, original, chance, lambda found: found[0][:-1] + word + b'"')


def in_another_encoding(original: bytes, chance: Random) -> bytes:
    """The message behind a byte order mark, or in an encoding that FHIR does not have."""
    match chance.randrange(6):
        case 0:
            return b"\xef\xbb\xbf" + original
        case 1:
            return b"\xef\xbb\xbf" * 2 + original
        case 2:
            return original.decode().encode("utf-16")
        case 3:
            return original.decode().encode("utf-32-le")
        case 4:
            return original.decode().encode("latin-1", "replace") + b"\xe9"
        case _:
            return chance.choice((b" ", b"\n", b"\x00", b"\xa0", b"// a remark\n")) + original


def _one(pattern: re.Pattern[bytes], original: bytes, chance: Random, replace: Callable[[re.Match[bytes]], bytes]) -> bytes:
    """The message with one find of the pattern replaced."""
    found = list(pattern.finditer(original))
    if not found:
        return original
    chosen = chance.choice(found)
    return original[: chosen.start()] + replace(chosen) + original[chosen.end() :]


TEARS = (mutated, truncated, with_odd_numbers, with_doubled_keys, with_bad_text, in_another_encoding)
