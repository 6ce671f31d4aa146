"""The form of a signature, whoever tells it: named tensors in and out."""

from __future__ import annotations

from typing import Any

Found = dict[str, Any]
"""`{"inputs": [{name, dtype, shape}…], "outputs": […]}`"""


def sound(value: Any) -> Found | None:
    """A signature in that form, or None for anything else."""
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
    return _is_text(value.get("name")) and _is_text(value.get("dtype")) and all(map(_is_size, value["shape"]))


def _is_text(value: Any) -> bool:
    """Text that can be written as UTF-8: the record must hold it."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_size(value: Any) -> bool:
    """A number that canonical JSON can hold, or a name."""
    return _is_text(value) or (type(value) is int and -(2**53) < value < 2**53)
