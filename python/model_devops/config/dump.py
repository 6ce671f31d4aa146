"""A model.yaml with its defaults, as YAML that reads back to the same model."""

from __future__ import annotations

from typing import Any

from model_devops.config.scalars import meaning_of_plain
from model_devops.config.shape import Schema, options, schema


def effective(document: dict[str, Any]) -> dict[str, Any]:
    """A valid document with the defaults of what it leaves out, in the order of the types."""
    whole = schema()
    filled: dict[str, Any] = _filled(document, whole, whole["$defs"])
    return filled


def _filled(value: Any, schema: Schema, definitions: Schema) -> Any:
    for option in options(schema, definitions):
        if isinstance(value, list) and option.get("type") == "array":
            return [_filled(item, option["items"], definitions) for item in value]
        if isinstance(value, dict) and "properties" in option:
            return _struct(value, option["properties"], definitions)
        if isinstance(value, dict) and option.get("type") == "object":
            return {key: _filled(item, option["additionalProperties"], definitions) for key, item in value.items()}
    return value


def _struct(value: dict[str, Any], properties: Schema, definitions: Schema) -> dict[str, Any]:
    found = {}
    for key, wanted in properties.items():
        if key in value:
            found[key] = _filled(value[key], wanted, definitions)
        elif wanted.get("default") is not None:
            found[key] = wanted["default"]
    return found


def to_yaml(document: dict[str, Any]) -> str:
    """YAML in the document's order, with quotes wherever the reader asks for them."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        """Quotes what would not be read as text, and writes long commands in blocks."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
            return True

    def text(dumper: yaml.CSafeDumper, value: str) -> yaml.Node:
        style = '"' if meaning_of_plain(value)[0] != "string" else "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
