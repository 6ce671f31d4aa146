"""The signature in MLflow's `MLmodel` file (https://mlflow.org/docs/latest/ml/model/signatures/)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model_devops.checks.tensors import sound

_LIMIT = 4 << 20


def signature(path: Path) -> dict[str, Any] | None:
    """Inputs and outputs, or None where the file has none that can be read."""
    import yaml

    try:
        with open(path, "rb") as stream:
            document = yaml.load(stream.read(_LIMIT), yaml.CSafeLoader)
        stated = document["signature"]
        found = {side: [_tensor(item, index) for index, item in enumerate(_list(stated, side))] for side in _SIDES}
        return sound(found) if any(found.values()) else None
    except (
        OSError,
        yaml.YAMLError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
        AttributeError,
        ArithmeticError,
    ):
        return None


_SIDES = ("inputs", "outputs")


def _list(stated: Any, side: str) -> list[Any]:
    text = stated.get(side)
    found: list[Any] = json.loads(text) if text else []
    return found


def _tensor(item: dict[str, Any], index: int) -> dict[str, Any]:
    """A tensor spec has dtype and shape; a column spec only a type, one value a row."""
    name = str(item.get("name", index))
    if item["type"] == "tensor":
        spec = item["tensor-spec"]
        return {"name": name, "dtype": str(spec["dtype"]), "shape": [int(size) for size in spec["shape"]]}
    return {"name": name, "dtype": json.dumps(item["type"]).strip('"'), "shape": [-1]}
