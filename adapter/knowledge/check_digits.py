"""Is this code spelt right? The check digits of LOINC (mod 10) and SNOMED CT (Verhoeff, release file specification 5.5)."""

from __future__ import annotations

_TURN = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_SHIFT = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _places(count: int) -> list[tuple[int, ...]]:
    """The permutation of each place, counted from the right: the shift applied once more per place."""
    places: list[tuple[int, ...]] = [tuple(range(10))]
    while len(places) < count:
        places.append(tuple(_SHIFT[digit] for digit in places[-1]))
    return places


_PLACES = _places(18)


def is_snomed_id(code: str) -> bool:
    """True when the code is 6 to 18 digits and its Verhoeff digit is right."""
    if not (code.isascii() and code.isdigit() and 6 <= len(code) <= 18) or code.startswith("0"):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _TURN[check][_PLACES[place][int(digit)]]
    return check == 0


def is_loinc_code(code: str) -> bool:
    """True for `body-check` with a right mod 10 digit; in answer and part codes (LA, LL, LP) letters count by their place after "0"."""
    body, dash, check = code.rpartition("-")
    digits = body[2:] if body[:2] in ("LA", "LL", "LP") else body
    if not dash or not (digits.isascii() and digits.isdigit()) or len(check) != 1 or not check.isdigit():
        return False
    total = 0
    for place, character in enumerate(reversed(body)):
        value = ord(character) - ord("0")
        doubled = value * 2
        total += value if place % 2 else doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)


_CHECKS = {"http://snomed.info/sct": is_snomed_id, "http://loinc.org": is_loinc_code}


def is_well_formed(system: str, code: str) -> bool:
    """False only for a code of a checked system whose check digit is wrong; a post-coordinated expression is not checked."""
    check = _CHECKS.get(system)
    if check is None or not code or not all(character.isalnum() or character == "-" for character in code):
        return True
    return check(code)
