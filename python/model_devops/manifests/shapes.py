"""Turns Kubernetes' definitions into functions that find all that is wrong with a value, and where.

Only that part of JSON Schema is known that tools/kubernetes_schemas.py writes, with the types `quantity`,
`int-or-string` and `time`, and with lists whose items must differ (`list`: `set`, or `map` with its `keys`). What a
server takes for left out is left out here as well: null, and empty text where one of some words is wanted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from model_devops.config.places import Keys, near, shown
from model_devops.manifests.limits import LIMITS, PAIRS, REQUIRED, Pairs, short
from model_devops.manifests.quantities import is_base64, is_quantity
from model_devops.manifests.syntax import Limit

Schema = dict[str, Any]
#: The way to a value, from its end: (way to what it is in, key), or () at the top. Quicker than a growing tuple.
Way = tuple[Any, ...]


class Finding(NamedTuple):
    """One thing that is wrong with a value of an object."""

    keys: Keys
    message: str
    allowed: tuple[str, ...] = ()
    hint: str | None = None


Check = Callable[[Any, Way, list[Finding]], None]
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "quantity": "a quantity such as 500m, 2 or 4Gi",
    "int-or-string": "a whole number or text",
    "time": "a time such as 2026-01-31T12:00:00Z",
}
_FOUND = {dict: "a mapping", list: "a list", str: "text", bool: "a truth value", type(None): "nothing"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.,]\d+)?([Zz]|[+-]\d\d:\d\d)")
#: What the keys of a list are by default where they are left out.
_DEFAULTS = {"protocol": "TCP"}


class Shapes:
    """The compiled definitions of one version; a definition is compiled when it is first needed."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self._compiled: dict[str, Check] = {}

    def of(self, name: str) -> Check:
        """The check of a definition. Definitions may contain themselves, so its place is taken before its fields."""
        if name not in self._compiled:
            schema, called = self._definitions[name], short(name)
            properties: dict[str, Check] = {}
            required = [*schema.get("required", ()), *REQUIRED.get(called, ())]
            check = _struct(properties, required) if "properties" in schema else self._check(schema)
            self._compiled[name] = _limited(check, LIMITS.get((called, "")))
            for key, inner in schema.get("properties", {}).items():
                pairs = _pairs(self._check(inner), PAIRS.get((called, key)))
                properties[key] = _limited(pairs, LIMITS.get((called, key)))
        return self._compiled[name]

    def _check(self, schema: Schema) -> Check:
        if "$ref" in schema:
            return self.of(schema["$ref"].rpartition("/")[2])
        if schema.get("type") == "array":
            return _list(self._check(schema["items"]), _differing(schema))
        if schema.get("type") == "object":
            inner = schema.get("additionalProperties")
            return _map(self._check(inner) if inner else _anything)
        return _scalar(schema)


def way(keys: Way) -> Keys:
    """A way as keys from the top."""
    found = []
    while keys:
        keys, key = keys
        found.append(key)
    return tuple(reversed(found))


def _limited(inner: Check, limit: Limit | None) -> Check:
    """A value that may still be wrong when its type is right."""
    if limit is None:
        return inner

    def check(value: Any, at: Way, found: list[Finding]) -> None:
        before = len(found)
        inner(value, at, found)
        if len(found) == before and (wrong := limit(value)):
            found.append(Finding(way(at), wrong.message, (), wrong.hint))

    return check


def _pairs(inner: Check, limits: Pairs | None) -> Check:
    """A mapping whose free keys, or the values under them, have limits."""
    if limits is None:
        return inner
    of_key, of_value = (limit or (lambda _value: None) for limit in limits)

    def check(value: Any, at: Way, found: list[Finding]) -> None:
        before = len(found)
        inner(value, at, found)
        for key, item in value.items() if len(found) == before else ():
            if item is not None and (wrong := of_key(key) or of_value(item)):
                found.append(Finding((*way(at), key), wrong.message, (), wrong.hint))

    return check


def _struct(properties: dict[str, Check], required: list[str]) -> Check:
    """A mapping with a fixed set of fields."""

    def check(value: Any, at: Way, found: list[Finding]) -> None:
        if type(value) is not dict:
            found.append(_mismatch(value, at, "object"))
            return
        for key, item in value.items():
            inner = properties.get(key)
            if inner is None:
                found.append(_strange(key, at, set(properties) - set(value)))
            elif item is not None:
                inner(item, (at, key), found)
        for key in required:
            if value.get(key) is None:
                found.append(Finding((*way(at), key), "is missing"))

    return check


def _map(inner: Check) -> Check:
    """A mapping whose keys are free."""

    def check(value: Any, at: Way, found: list[Finding]) -> None:
        if type(value) is not dict:
            found.append(_mismatch(value, at, "object"))
            return
        for key, item in value.items():
            if type(key) is not str:
                found.append(_no_key(key, at))
            elif item is not None:
                inner(item, (at, key), found)

    return check


def _list(inner: Check, differing: Callable[[list[Any], Way], Iterable[Finding]]) -> Check:
    def check(value: Any, at: Way, found: list[Finding]) -> None:
        if type(value) is not list:
            found.append(_mismatch(value, at, "array"))
            return
        for index, item in enumerate(value):
            inner(item, (at, index), found)
        if len(value) > 1:
            found.extend(differing(value, at))

    return check


def _differing(schema: Schema) -> Callable[[list[Any], Way], Iterable[Finding]]:
    """What finds items that are there twice: a server refuses to apply such a list."""
    keys: list[str] = schema.get("keys", [])

    def sought(item: Any) -> tuple[Any, ...]:
        if not keys:
            return (item,)
        return tuple(item.get(key, _DEFAULTS.get(key)) for key in keys) if type(item) is dict else ()

    def check(value: list[Any], at: Way) -> Iterable[Finding]:
        seen: dict[tuple[Any, ...], int] = {}
        for index, item in enumerate(value):
            named = sought(item)
            if not all(type(part) in (str, int) for part in named) or not named:
                continue
            first = seen.setdefault(named, index)
            if first != index:
                what = ", ".join(shown(str(part)) for part in named)
                yield Finding((*way(at), index), f"{what} is already there, as [{first}]")

    return check if schema.get("list") in ("set", "map") else lambda _value, _at: ()


def _scalar(schema: Schema) -> Check:
    kind = schema.get("type", "any")
    if kind == "any":
        return _anything
    fits = _FITS.get(schema.get("format", ""), _FITS[kind])
    words = frozenset(schema.get("enum", ()))

    def check(value: Any, at: Way, found: list[Finding]) -> None:
        if not fits(value):
            found.append(_mismatch(value, at, kind, schema.get("format")))
        elif words and value and value not in words:
            allowed = tuple(sorted(word for word in words if word))
            hint = near(value, list(allowed))
            found.append(Finding(way(at), f"{shown(value)!r} is not allowed", allowed, hint))

    return check


def _anything(_value: Any, _at: Way, _found: list[Finding]) -> None:
    """Free content, which nobody but its reader understands."""


def _whole(bits: int) -> Callable[[Any], bool]:
    limit = 2 ** (bits - 1)
    return lambda value: type(value) is int and -limit <= value < limit


_FITS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "integer": _whole(64),
    "int32": _whole(32),
    "number": lambda value: type(value) is int or (type(value) is float and math.isfinite(value)),
    "quantity": is_quantity,
    "int-or-string": lambda value: type(value) is str or _whole(32)(value),
    "time": lambda value: type(value) is str and _TIME.fullmatch(value) is not None,
    "byte": is_base64,
}


def _strange(key: Any, at: Way, known: set[str]) -> Finding:
    if type(key) is not str:
        return _no_key(key, at)
    hint = near(key, sorted(known))
    return Finding((*way(at), key), "there is no such field", () if hint else tuple(sorted(known)), hint)


def _no_key(key: Any, at: Way) -> Finding:
    return Finding(way(at), f"the key {_said(key)} must be text", (), "write it in quotes")


def _said(value: Any) -> str:
    """A value for a message. Python refuses to write out numbers of thousands of digits."""
    huge = type(value) is int and value.bit_length() > 200
    return "a number of too many digits" if huge else shown(str(value))


def _mismatch(value: Any, at: Way, kind: str, written: str | None = None) -> Finding:
    """A value of another type than is wanted, with the advice that fits what was probably meant."""
    if written == "byte" and type(value) is str:
        return Finding(way(at), "is not base64", (), "write it as it is under stringData, or encode it")
    if kind == "integer" and type(value) is int:
        return Finding(way(at), f"{_said(value)} is too large for {written or 'int64'}")
    what = _FOUND.get(type(value)) or _said(value)
    if type(value) is str:
        what = repr(shown(value))
    return Finding(way(at), f"must be {_WORDS[kind]}, not {what}", (), _advice(value, kind))


def _advice(value: Any, kind: str) -> str | None:
    if kind == "string" and type(value) in (int, float, bool):
        return "write it in quotes"
    if kind in ("integer", "number") and type(value) is str and re.fullmatch(r"-?\d{1,18}", value):
        return f"write {value} without quotes"
    if kind == "boolean" and type(value) is str and value.lower() in ("true", "false"):
        return f"write {value.lower()} without quotes"
    if kind == "quantity" and type(value) is str:
        return "suffixes are m, k, M, G, T, P, E and Ki, Mi, Gi, Ti, Pi, Ei, without B and without spaces"
    return None
