"""Durations as they are written: a whole number and a unit."""

from __future__ import annotations

from model_devops.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: Longer ones are mistakes, and would not fit into a date.
LONGEST = 3650 * 86400.0


def seconds(text: str) -> float:
    """The seconds in `500ms`, `30s`, `10m`, `2h` or `7d`, at most ten years. UsageError for anything else."""
    number = text.rstrip("mshd")
    unit = _UNITS.get(text[len(number) :])
    if unit is None or not (number.isascii() and number.isdigit()):
        raise UsageError(f"{text!r} is no duration", hint="write a whole number and a unit, for example 500ms, 30s, 7d")
    if len(number) > 15 or int(number) * unit > LONGEST:
        raise UsageError(f"{text} is longer than ten years")
    return int(number) * unit
