"""Why is the same code not looked up twice? What a function says of the books and a code is worked out once, and kept beside the books.

Senders repeat the same few hundred codes for every patient. Only short things are kept, and only so many: nobody can fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Shelf by function, and on it what was found for each set of arguments.
Memory = dict[str, dict[Any, Any]]

# More is forgotten; what is longer than this many signs is worked out each time.
_MOST, _LONGEST = 1024, 1000


def remembered(work: Callable[P, T]) -> Callable[P, T]:
    """The same function, for books as its last argument and hashable ones before them."""
    shelf_name = f"{work.__module__}.{work.__qualname__}"

    @wraps(work)
    def recalled(*args: P.args, **kwargs: P.kwargs) -> T:
        asked = args[:-1]
        memory: Memory = args[-1].memory  # type: ignore[attr-defined]  # The books keep one, and so does what the writer knows of a reply.
        try:
            found: T = memory[shelf_name][asked]
        except KeyError:
            pass
        else:
            return found
        found = work(*args, **kwargs)
        shelf = memory.setdefault(shelf_name, {})
        if len(shelf) >= _MOST:
            shelf.clear()
        if len(repr(asked)) <= _LONGEST:
            shelf[asked] = found
        return found

    return recalled
