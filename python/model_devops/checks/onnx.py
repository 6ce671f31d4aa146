"""Inputs and outputs of an ONNX file, read from its protobuf without loading the weights.

Message fields by number, from onnx.proto: ModelProto.graph 7; GraphProto.initializer 5, input 11,
output 12; ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; Tensor.elem_type 1, shape 2;
TensorShapeProto.dim 1; Dimension.dim_value 1, dim_param 2; TensorProto.name 8.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
}  # fmt: skip
Field = tuple[int, Any]


def signature(path: Path) -> dict[str, Any] | None:
    """Inputs (without initializers) and outputs, or None where the file is no ONNX that can be read."""
    try:
        with open(path, "rb") as stream:
            # Not closed by hand: views into it may still be alive where the file is no protobuf.
            return _graph(memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)))
    except (OSError, ValueError, IndexError, KeyError, UnicodeDecodeError):
        return None


def _graph(data: memoryview) -> dict[str, Any] | None:
    graph = _one(data, 7)
    if graph is None:
        return None
    weights, sides = set(), {11: list[dict[str, Any]](), 12: list[dict[str, Any]]()}
    for number, value in _fields(graph):
        if number == 5:
            weights.add(_text(_one(value, 8)))
        elif number in sides:
            sides[number].append(_tensor(value))
    if not sides[12]:
        return None  # a model without outputs is none
    return {"inputs": [tensor for tensor in sides[11] if tensor["name"] not in weights], "outputs": sides[12]}


def _tensor(data: memoryview) -> dict[str, Any]:
    kind = _one(_need(_one(data, 2)), 1)
    if kind is None:  # a sequence, a map or an optional
        return {"name": _text(_one(data, 1)), "dtype": "other", "shape": []}
    shape = _one(kind, 2)
    dims = [_dim(value) for number, value in _fields(shape) if number == 1] if shape is not None else ["unknown"]
    element = _one(kind, 1)
    dtype = DTYPES.get(element, "other") if isinstance(element, int) else "other"
    return {"name": _text(_one(data, 1)), "dtype": dtype, "shape": dims}


def _dim(data: memoryview) -> int | str:
    value, name = _one(data, 1), _one(data, 2)
    if isinstance(value, int) and value < 1 << 53:
        return value
    return _text(name) or -1


def _one(data: memoryview, wanted: int) -> Any:
    """The last value of a field, as protobuf has it; None where it isn't there."""
    found = None
    for number, value in _fields(data):
        if number == wanted:
            found = value
    return found


def _need(value: Any) -> Any:
    if value is None:
        raise ValueError("a field is missing")
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, memoryview):
        raise ValueError("a text was expected")
    return bytes(value).decode("utf-8")


def _fields(data: memoryview) -> Iterator[Field]:
    """(number, int or bytes) of each field of a message, in order."""
    if not isinstance(data, memoryview):
        raise ValueError("a message was expected")
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        value: Any
        if kind == 0:
            value, position = _varint(data, position)
        elif kind == 2:
            length, position = _varint(data, position)
            value, position = data[position : position + length], position + length
        elif kind in (1, 5):
            value, position = None, position + (8 if kind == 1 else 4)
        else:
            raise ValueError("not protobuf")
        if position > len(data):
            raise ValueError("cut off")
        yield key >> 3, value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("not protobuf")
