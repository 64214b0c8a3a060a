"""How are the parts of the page called? The words that a template lays out without knowing them."""

from __future__ import annotations

from typing import NamedTuple


class Headings(NamedTuple):
    """The heading of each part, with a short one for the list of places to go."""

    none: str = "No breast cancer was found in what was sent."
    nothing: str = "Nothing that was sent allows an answer about this cancer."
    elsewhere: str = "Nothing of this cancer belongs here; what was found stands under"
    stage: str = "Stage"
    differ: str = "Why they may differ"
    categories: str = "T, N and M"
    tissue: str = "By specimen and date"
    tissue_short: str = "By specimen"
    time: str = "Timeline"
    uptake: str = "Uptake of each lesion"
    uptake_short: str = "Uptake"
    lone: str = "Seen once, with nothing to hold it against"
    lesions: str = "Each lesion by tracer, newest scan"
    indications: str = "Published indications"
    indications_short: str = "Indications"
    indications_hint: str = "That structured data fit what a label or an article describes, and never what to do."
    tests: str = "Recommended tests that are not on file"
