"""What stops a cohort run as a whole? One kind of exception, whose message says what to change and never names a patient."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

_SAID = {
    errno.ENOSPC: "the disk is full. What is done is kept: make room and start the same command again",
    errno.EDQUOT: "the disk quota is used up. What is done is kept: make room and start the same command again",
    errno.EFBIG: "the file would be larger than this account may write",
    errno.EACCES: "this account has no permission for it",
    errno.EPERM: "this account has no permission for it",
    errno.EROFS: "the file system is read-only",
}


class Halted(Exception):
    """The run cannot go on; the message says why, and what to do."""


@contextmanager
def told() -> Iterator[None]:
    """Whatever the disk or the memory refuses, as a sentence."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise Halted(f"{_SAID.get(error.errno or 0, error.strerror or 'a file cannot be used')}{where}") from error
    except MemoryError as error:
        raise Halted("there is not enough memory; start again with fewer --jobs: what is done is kept") from error
