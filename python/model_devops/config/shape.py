"""Compares the tree of a model.yaml with the JSON Schema of its types, and collects every problem.

Only that part of JSON Schema is understood that msgspec generates from config/types.py. What is valid comes
back as plain data; what is not is None there, and a key whose value is null is left out, as if not written.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from model_devops.config.compose import Node
from model_devops.config.places import Keys, Places, near, path, shown
from model_devops.config.scalars import meaning, meaning_of_plain
from model_devops.errors import Problem

#: After this many problems the rest is of no help.
MOST_PROBLEMS = 100
Schema = dict[str, Any]
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_FOUND = _WORDS | {"null": "nothing", "boolean": "a truth value"}


class TooMany(Exception):
    """There are more problems than anybody wants to read at once."""


def schema() -> Schema:
    """The schema as generated from the types beforehand (a test fails when it is stale): generating takes 5 ms."""
    document: Schema = json.loads(Path(__file__).with_name("model.schema.json").read_bytes())
    return document


def options(schema: Schema, definitions: Schema) -> list[Schema]:
    """The schemas of which one must hold, without references."""
    if "$ref" in schema:
        return options(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return [option for one in schema.get("anyOf", ()) for option in options(one, definitions)] or [schema]


class Walker:
    """One walk over one document."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.problems: list[Problem] = []
        self.schema = schema()

    def document(self, node: Node) -> Any:
        """The document's valid parts. The problems are in `problems`."""
        self.places.note((), node.line, node.column)
        return self.value(node, self.schema, ())

    def add(self, message: str, keys: Keys, node: Node, allowed: tuple[str, ...] = (), hint: str | None = None) -> None:
        """Note a problem at the node's own place."""
        text = f"{path(keys)}: {message}" if keys else message
        problem = Problem(text, self.places.file, node.line, node.column, allowed, hint)
        if problem not in self.problems:
            self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            raise TooMany

    def value(self, node: Node, schema: Schema, keys: Keys) -> Any:
        """The node as plain data if it is what the schema wants, else None and a problem."""
        allowed = options(schema, self.schema["$defs"])
        kind, value = meaning(node)
        for option in allowed:
            wanted = option.get("type") or ("string" if "enum" in option else "any")
            if wanted == "any":
                return self.anything(node, keys)
            if wanted == kind or (wanted == "number" and kind == "integer"):
                return self.matched(node, kind, value, {"description": schema.get("description")} | option, keys)
        self.mismatch(node, kind, value, [option for option in allowed if option.get("type") != "null"], keys)
        return None

    def matched(self, node: Node, kind: str, value: Any, option: Schema, keys: Keys) -> Any:
        """A node of the right type; what is in it and its limits are looked at here."""
        if kind == "object":
            return self.struct(node, option, keys) if "properties" in option else self.mapping(node, option, keys)
        if kind == "array":
            return [self.item(item, option["items"], (*keys, index)) for index, item in enumerate(node.items)]
        if kind == "string":
            return self.text(node, value, option, keys)
        if kind in ("integer", "number"):
            return self.limited(node, value, option, keys)
        return value

    def item(self, node: Node, schema: Schema, keys: Keys) -> Any:
        """A value of a list."""
        self.places.note(keys, node.line, node.column)
        return self.value(node, schema, keys)

    def struct(self, node: Node, schema: Schema, keys: Keys) -> dict[str, Any]:
        """A mapping with a fixed set of keys."""
        known: dict[str, Schema] = schema["properties"]
        found: dict[str, Any] = {}
        given = self.entries(node, keys)
        for key, (name, value) in given.items():
            if key not in known:
                allowed = tuple(sorted(set(known) - set(given))) or tuple(sorted(known))
                self.add("there is no such key", (*keys, key), name, allowed, near(key, list(known)))
            else:
                found[key] = self.value(value, known[key], (*keys, key))
        for key in schema["required"]:
            if key not in given:
                self.add(f"{key} is missing", keys, node, hint=known[key].get("description"))
        return _without_nulls(found, given)

    def mapping(self, node: Node, schema: Schema, keys: Keys) -> dict[str, Any]:
        """A mapping whose keys the team chooses."""
        names: Schema = schema.get("propertyNames", {})
        found = {}
        for key, (name, value) in self.entries(node, keys).items():
            self.text(name, key, names, (*keys, key))
            found[key] = self.value(value, schema["additionalProperties"], (*keys, key))
        return found

    def entries(self, node: Node, keys: Keys) -> dict[str, tuple[Node, Node]]:
        """Key and value nodes by key; keys that are no text or stand there twice are problems."""
        found: dict[str, tuple[Node, Node]] = {}
        for name, value in node.pairs():
            kind, _ = meaning(name)
            if name.plain and name.text == "<<":
                self.add("merge keys (<<) are not allowed: write the keys out", keys, name)
            elif name.kind != "scalar":
                self.add(f"a key must be text, not {_FOUND[kind]}", keys, name)
            elif kind != "string":
                self.add(f"the key {shown(name.text)} must be written in quotes to be text", keys, name)
            elif name.text in found:
                first = found[name.text][0]
                self.add(f"stands here twice, first on line {first.line}", (*keys, name.text), name)
            else:
                self.places.note((*keys, name.text), name.line, name.column)
                found[name.text] = (name, value)
        return found

    def text(self, node: Node, value: str, schema: Schema, keys: Keys) -> str | None:
        """Text within the schema's limits, without control characters."""
        if any((char < " " and char not in "\n\t") or char == "\x7f" for char in value):
            self.add("holds a control character", keys, node)
        elif "enum" in schema and value not in schema["enum"]:
            allowed = tuple(schema["enum"])
            self.add(f"{shown(value)!r} is not allowed", keys, node, allowed, near(value, list(allowed)))
        elif "pattern" in schema and not re.fullmatch(schema["pattern"], value):
            self.add(f"{shown(value)!r} is not allowed", keys, node, hint=schema.get("description"))
        elif "minLength" in schema and not value.strip():
            self.add("is empty", keys, node)
        else:
            return value
        return None

    def limited(self, node: Node, value: float, schema: Schema, keys: Keys) -> float | None:
        """A number within the schema's limits."""
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is None or value >= low) and (high is None or value <= high):
            return value
        limits = f"between {low} and {high}" if None not in (low, high) else f"at least {low}"
        self.add(f"{shown(node.text)} is not allowed: it must be {limits}", keys, node)
        return None

    def anything(self, node: Node, keys: Keys) -> Any:
        """Any JSON value."""
        kind, value = meaning(node)
        if kind == "object":
            return {key: self.anything(item, (*keys, key)) for key, (_, item) in self.entries(node, keys).items()}
        if kind == "array":
            return [self.anything(item, (*keys, index)) for index, item in enumerate(node.items)]
        if kind == "unclear":
            self.add(f"{shown(node.text)} is read as {value} by some: write it in quotes, or as JSON does", keys, node)
        return value

    def mismatch(self, node: Node, kind: str, value: Any, options: list[Schema], keys: Keys) -> None:
        """A node of a type that isn't allowed here, with the advice that fits what was probably meant."""
        types = list(dict.fromkeys(option.get("type", "string") for option in options))
        wanted = " or ".join(_WORDS[name] for name in types)
        if kind in ("object", "array", "null"):
            advice = "leave the key out, or give it a value" if kind == "null" else None
            self.add(f"must be {wanted}, not {_FOUND[kind]}", keys, node, hint=advice)
            return
        found = value if kind == "unclear" else _FOUND[kind]
        written = shown(node.text) if node.plain else repr(shown(node.text))
        self.add(f"must be {wanted}; {written} is {found}", keys, node, hint=_advice(node, types))


def _advice(node: Node, types: list[str]) -> str | None:
    """How to write a scalar so that it is of one of these types."""
    text = shown(node.text)
    if "string" in types:
        return f'write it in quotes: "{text}"' if '"' not in text and "\\" not in text else "write it in quotes"
    if "boolean" in types and text.lower() in ("yes", "on", "y", "no", "off", "n", "true", "false"):
        return f"write {'true' if text.lower() in ('yes', 'on', 'y', 'true') else 'false'}, without quotes"
    if {"integer", "number"} & set(types):
        kind = meaning_of_plain(node.text)[0]
        if kind in types or (kind == "integer" and "number" in types):
            return f"write {text} without quotes"
        return (
            "write a decimal number, for example 8 or 0.5"
            if "number" in types
            else "write it as digits, without quotes"
        )
    if "array" in types:
        return f"write it as a list: [{text}]"
    return None


def _without_nulls(found: dict[str, Any], given: dict[str, tuple[Node, Node]]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not None or meaning(given[key][1])[0] != "null"}
