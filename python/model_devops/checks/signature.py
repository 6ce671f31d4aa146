"""The model's signature (V2): model.yaml, else ONNX or `MLmodel`, else safetensors' `__metadata__.signature`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_devops.config.types import Model

Found = dict[str, Any]


def find_signature(model: Model, files: Mapping[str, Path]) -> Found | None:
    """`{"inputs": [{name, dtype, shape}…], "outputs": […]}`, or None where nothing tells. Weights never do."""
    if model.signature:
        import msgspec

        declared: Found = msgspec.to_builtins(model.signature)
        return declared
    from model_devops.checks import mlflow, onnx

    for name, path in sorted(files.items()):
        found = None
        if name.endswith(".onnx"):
            found = onnx.signature(path)
        elif path.name == "MLmodel":
            found = mlflow.signature(path)
        if found:
            return found
    for name, path in sorted(files.items()):
        if name.endswith(".safetensors") and (found := _of_safetensors(path)):
            return found
    return None


def _of_safetensors(path: Path) -> Found | None:
    from model_devops.checks.safetensors import metadata

    text = metadata(path).get("signature")
    try:
        return sound(json.loads(text)) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def sound(value: Any) -> Found | None:
    """A signature in the form above, or None for anything else."""
    if not isinstance(value, dict):
        return None
    found = {}
    for side in ("inputs", "outputs"):
        tensors = value.get(side)
        if not isinstance(tensors, list) or not all(_is_tensor(tensor) for tensor in tensors):
            return None
        found[side] = [{key: tensor[key] for key in ("name", "dtype", "shape")} for tensor in tensors]
    return found


def _is_tensor(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("shape"), list):
        return False
    named = isinstance(value.get("name"), str) and isinstance(value.get("dtype"), str)
    return named and all(type(size) in (int, str) and -(2**53) < _number(size) < 2**53 for size in value["shape"])


def _number(size: int | str) -> int:
    return size if isinstance(size, int) else 0


def compare_signatures(old: Found | None, new: Found | None) -> str:
    """`same`, `extended`, `broken`, `newly-known`, `lost` or `unknown` (V1, V2).

    Extended: every input and output of before is there unchanged, and outputs were added. An added input breaks
    callers that don't send it; order counts for neither side, since names are given.
    """
    if old is None and new is None:
        return "unknown"
    if old is None or new is None:
        return "newly-known" if old is None else "lost"
    old_in, new_in = _by_name(old["inputs"]), _by_name(new["inputs"])
    old_out, new_out = _by_name(old["outputs"]), _by_name(new["outputs"])
    if (old_in, old_out) == (new_in, new_out):
        return "same"
    kept = all(new_out.get(name) == tensor for name, tensor in old_out.items())
    return "extended" if old_in == new_in and kept else "broken"


def _by_name(tensors: list[Found]) -> dict[str, Found]:
    return {tensor["name"]: tensor for tensor in tensors}
