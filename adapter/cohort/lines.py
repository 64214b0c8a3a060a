"""Whose is this line, and can it matter? One resource of a Bulk Data file, looked at as far as that needs and no further."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NamedTuple, cast

import msgspec
from msgspec import Raw, Struct

from adapter.cohort.folder import Stretch, is_packed
from adapter.cohort.trouble import Halted

MOST_BYTES = 64 * 1024 * 1024
ASKING = "Observation"
PERSON = "Patient"
# A resource of these types may belong to several patients; any other that several patients refer to belongs to none for certain.
SHARED = frozenset({"Medication"})
# What may be done with a reference in text: this finds each of them, and the last two steps of its path name the resource.
REFERENCE = r'"reference"\s*:\s*"([^"]+)"'
NAME = r"([A-Za-z]+/[A-Za-z0-9.\-]{1,64})(?:/_history/[^/]+)?$"
CONTAINED = b'"contained"'
_NAME = re.compile(NAME)

Asks = Callable[[bytes], bool]


class Look(NamedTuple):
    """What was found out about one line: its type, id and patient, and as much of its text as can matter; or why it is kept aside."""

    kind: str = ""
    id: str = ""
    patient: str | None = None
    text: bytes = b""
    aside: str = ""


class _Reference(Struct, frozen=True):
    reference: str = ""


class _Meta(Struct, frozen=True, rename="camel", omit_defaults=True):
    version_id: str = ""
    last_updated: str = ""


class _Named(Struct, frozen=True, rename="camel"):
    """Enough of a resource to know whose it is."""

    resource_type: str = ""
    id: str = ""
    subject: _Reference | None = None
    patient: _Reference | None = None


class _Bare(Struct, frozen=True, rename="camel"):
    """The same where whom it names cannot be read."""

    resource_type: str = ""
    id: str = ""


_NOTHING = (b"", b"null")


class _Part(Struct, frozen=True):
    code: Raw = Raw(b"null")


class _Asking(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What an Observation asks for; also the shape in which one goes on that asks for nothing that is interpreted.

    Its `issued` then tells copies with another content apart. What lends others its scan or its lesion (`ties`) goes on as it is.
    """

    resource_type: str = ""
    id: str = ""
    meta: _Meta | None = None
    subject: Raw = Raw(b"")
    code: Raw = Raw(b"")
    component: tuple[_Part, ...] = ()
    specimen: Raw = Raw(b"")
    contained: Raw = Raw(b"")
    has_member: Raw = Raw(b"")
    part_of: Raw = Raw(b"")
    derived_from: Raw = Raw(b"")
    focus: Raw = Raw(b"")
    issued: str = ""

    @property
    def ties(self) -> bool:
        """Whether something else may be read through it."""
        tied = (self.contained, self.has_member, self.part_of, self.derived_from, self.focus)
        return any(bytes(one) not in _NOTHING for one in tied)


_named = msgspec.json.Decoder(_Named).decode
_bare = msgspec.json.Decoder(_Bare).decode
_asking = msgspec.json.Decoder(_Asking).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Sieve:
    """What can matter: the types that are read, and whether the text of a code asks for something that is interpreted."""

    read_types: frozenset[str]
    asks: Asks

    def look(self, line: bytes) -> Look:
        """Whose this line is, and the part of its text that can matter."""
        if len(line) >= MOST_BYTES:
            return Look(aside=f"too-long: it has more than {MOST_BYTES} bytes")
        try:
            if not line.isascii():
                line.decode()
            named = _head(line)
        except UnicodeDecodeError as error:
            return Look(aside=f"not-utf-8: byte {error.start + 1} is not UTF-8")
        except msgspec.ValidationError as error:
            return Look(aside=f"not-a-resource: {error}")
        except (msgspec.DecodeError, RecursionError) as error:
            return Look(aside=f"broken-json: {error}")
        kind = named.resource_type
        if not kind or kind == "Bundle":
            return Look(aside="bundle: a Bundle is no line of Bulk Data" if kind else "not-a-resource: it has no resourceType")
        patient = _patient(named) if isinstance(named, _Named) else None
        return Look(kind, named.id, patient, self._matter(kind, named.id, line))

    def _matter(self, kind: str, name: str, line: bytes) -> bytes:
        if kind not in self.read_types:
            if CONTAINED in line:
                return line  # That what stands inside is not read is told with the rest.
            return _encode({"resourceType": kind, "id": name} if name else {"resourceType": kind})
        return self._observation(line) if kind == ASKING else line

    def _observation(self, line: bytes) -> bytes:
        """The line, or what is left of an Observation that is only counted."""
        try:
            asking = _asking(line)
        except (msgspec.DecodeError, RecursionError):
            return line
        codes = [asking.code, *(part.code for part in asking.component)]
        if asking.ties or any(bytes(code) and self.asks(bytes(code)) for code in codes):
            return line
        digest = hashlib.blake2b(line, digest_size=8).hexdigest()
        return _encode(msgspec.structs.replace(asking, issued=digest))


def remembered(asks: Asks) -> Asks:
    """The same question, answered once for each code: an export repeats the same few thousand."""
    return lru_cache(maxsize=65_536)(asks)


def _head(line: bytes) -> _Named | _Bare:
    try:
        return _named(line)
    except msgspec.ValidationError:
        return _bare(line)


def _patient(named: _Named) -> str | None:
    """The patient that a resource names: itself, its subject or its patient; None where that is nobody."""
    if named.resource_type == PERSON:
        return f"{PERSON}/{named.id}" if named.id else None
    for one in (named.subject, named.patient):
        name = name_of(one.reference) if one else None
        if name is not None and name.startswith(f"{PERSON}/"):
            return name
    return None


def name_of(reference: str) -> str | None:
    """Type and id of what a reference points at, whatever stands before and behind them."""
    found = _NAME.search(reference)
    return found[1] if found else None


def lines_of(stretch: Stretch) -> Iterator[bytes]:
    """The lines that begin in this stretch, without their ends; of one that is too long only the beginning."""
    with _opened(stretch) as file:
        place = stretch.start
        if place:
            file.seek(place - 1)
            place += len(file.readline()) - 1
        try:
            while is_packed(stretch.path) or place < stretch.end:
                line = file.readline(MOST_BYTES)
                if not line:
                    return
                place += len(line) + _passed_over(file, line)
                yield line.rstrip(b"\r\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Halted(f"{stretch.path} is damaged and cannot be unpacked to its end; fetch it again") from error


def _passed_over(file: BinaryIO, line: bytes) -> int:
    """How many bytes were left of a line that is too long to be held."""
    passed = 0
    while len(line) == MOST_BYTES and not line.endswith(b"\n"):
        line = file.readline(MOST_BYTES)
        passed += len(line)
    return passed


def _opened(stretch: Stretch) -> BinaryIO:
    return cast("BinaryIO", gzip.open(stretch.path, "rb")) if is_packed(stretch.path) else open(stretch.path, "rb")
