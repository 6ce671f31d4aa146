"""The JSON Schema of model.yaml, generated from the types that read it."""

from __future__ import annotations

from typing import Any

import msgspec

from model_devops.config import types

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema for editors, in JSON Schema 2020-12."""
    document = msgspec.json.schema(types.Model)
    definitions: dict[str, Any] = document["$defs"]
    for name, definition in definitions.items():
        _add_defaults(getattr(types, name), definition["properties"])
    return {"$schema": DIALECT, "title": "model.yaml of model-devops", **document}


def text() -> str:
    """The schema as the file that is published."""
    import json

    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _add_defaults(struct: type[msgspec.Struct], properties: dict[str, Any]) -> None:
    """msgspec leaves out the defaults that are not empty and made by a function."""
    for field in msgspec.structs.fields(struct):
        if field.default_factory is not msgspec.NODEFAULT:
            properties[field.encode_name].setdefault("default", field.default_factory())
