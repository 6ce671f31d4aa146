"""Version numbers of final releases: three numbers, ordered as numbers (V1)."""

from __future__ import annotations

import re

Number = tuple[int, int, int]
#: Levels from the weakest to the strongest.
LEVELS = ("patch", "minor", "major")
FIRST = "1.0.0"
_FINAL = re.compile(r"(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17})", re.ASCII)


def parse(version: str) -> Number | None:
    """The number of a final version; None for pre-releases and for what is no version of ours."""
    found = _FINAL.fullmatch(version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def text(number: Number) -> str:
    """`1.2.3`."""
    return ".".join(map(str, number))


def raised(number: Number, level: str) -> Number:
    """The number after `number` at a level."""
    major, minor, patch = number
    return {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }[level]
