"""The model's signature (V2): model.yaml, else ONNX or `MLmodel`, else safetensors' `__metadata__.signature`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from model_devops.checks import mlflow, onnx
from model_devops.checks.tensors import Found, sound
from model_devops.config.types import Model


def find_signature(model: Model, files: Mapping[str, Path]) -> Found | None:
    """`{"inputs": [{name, dtype, shape}…], "outputs": […]}`, or None where nothing tells. Weights never do."""
    if model.signature:
        import msgspec

        declared: Found = msgspec.to_builtins(model.signature)
        return declared
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


def compare_signatures(old: Found | None, new: Found | None) -> str:
    """`same`, `extended`, `broken`, `newly-known`, `lost` or `unknown` (V1, V2).

    Extended: every input and output of before is there unchanged, and outputs were added. An added input breaks
    callers that don't send it. Order counts for neither side, since names are given; nor does what a variable
    dimension is called.
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
    return {tensor["name"]: tensor | {"shape": [_size(size) for size in tensor["shape"]]} for tensor in tensors}


def _size(size: int | str) -> int:
    """What a variable dimension is called makes no difference to a caller."""
    return size if isinstance(size, int) and size >= 0 else -1
