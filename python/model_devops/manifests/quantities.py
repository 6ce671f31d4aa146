"""Quantities of Kubernetes: `500m`, `2`, `4Gi`, `1e3`; and base64 as its servers read it."""

from __future__ import annotations

import base64
import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
#: Servers also take `.`, `m` and `Gi` alone, as 0, and larger exponents: nobody means those.
#: Of the largest whole number that is one: as many as text may have digits.
_BITS = 199
_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,60}\.?[0-9]{0,60}|\.[0-9]{1,60}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?"
)


def is_quantity(value: Any) -> bool:
    """Whether a server would read it as a quantity: text, or a number as JSON has it."""
    return amount(value) is not None


def amount(value: Any) -> Fraction | None:
    """How much a quantity is, exactly; None for what is none."""
    if type(value) is float and not math.isfinite(value):
        return None
    if type(value) is int:
        return Fraction(value) if value.bit_length() <= _BITS else None
    return _amount(str(value)) if type(value) in (str, float) else None


@lru_cache(maxsize=1024)
def _amount(text: str) -> Fraction | None:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    number, suffix, exponent = found.groups()
    if suffix in _BINARY:
        return Fraction(number) * Fraction(2 ** _BINARY[suffix])
    power = int(exponent) if exponent else _DECIMAL[suffix or ""]
    return Fraction(number) * (Fraction(10**power) if power >= 0 else Fraction(1, 10**-power))


def is_base64(value: Any) -> bool:
    """Whether it is text that a server can decode; line breaks count for nothing."""
    return decoded(value) is not None


def decoded(value: Any) -> bytes | None:
    """The bytes of base64 text; None for what is none."""
    if type(value) is not str or not value.isascii():
        return None
    try:
        return base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return None
