"""What a value without quotes means: the part of YAML on which versions 1.1, 1.2 and JSON agree.

YAML 1.1 (PyYAML's) reads `on` as true, `010` as 8, `1:30` as 90 and `2024-01-01` as a date; other readers
don't. Such values are `unclear`: they are refused with the advice to write what is meant.
"""

from __future__ import annotations

import re
from typing import Any

from model_devops.config.compose import Node

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
#: What YAML 1.1 takes an unclear value for, by the last part of its tag.
UNCLEAR = {
    "bool": "a truth value",
    "int": "a number in another notation",
    "float": "a number in another notation",
    "timestamp": "a date",
    "merge": "a merge key",
    "value": "a special value",
    "null": "nothing",
}


def meaning(node: Node) -> tuple[str, Any]:
    """The JSON type of a node and its value; (`unclear`, what YAML 1.1 takes it for) where readers differ."""
    if node.kind != "scalar":
        return node.kind, node
    return meaning_of_plain(node.text) if node.plain else ("string", node.text)


def meaning_of_plain(text: str) -> tuple[str, Any]:
    """The same for text without quotes."""
    if text in _NULLS:
        return "null", None
    if text in _BOOLEANS:
        return "boolean", _BOOLEANS[text]
    if _NUMBER.fullmatch(text):
        return _number(text)
    kind = _yaml_1_1(text)
    return ("string", text) if kind == "str" else ("unclear", UNCLEAR.get(kind, "something else than text"))


def _number(text: str) -> tuple[str, Any]:
    """Whole numbers beyond 2**53 and infinity can't be in canonical JSON (RFC 8785)."""
    exact = _INTEGER.fullmatch(text)
    if exact and len(text) < 18 and abs(int(text)) < 2**53:
        return "integer", int(text)
    value = float(text)
    if exact or value in (float("inf"), float("-inf")):
        return "unclear", "a number that is too large to be exact"
    return "number", value


def _yaml_1_1(text: str) -> str:
    from yaml.resolver import Resolver

    for tag, pattern in Resolver.yaml_implicit_resolvers.get(text[:1], []):
        if pattern.match(text):
            return str(tag).rpartition(":")[2]
    return "str"
