"""Safetensors files: a header that tells the truth, and weights that are numbers.

Format: 8 bytes length (little endian), a JSON header, then the tensors' bytes without holes
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

from model_devops.errors import Problem

#: The reference implementation refuses larger headers.
HEADER_LIMIT = 100_000_000
SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
#: Bytes a number, and the bits of its two highest bytes that are all ones in NaN and infinity.
_NOT_NUMBERS = {
    "F64": (8, 0x7F, 0xF0), "F32": (4, 0x7F, 0x80), "C64": (4, 0x7F, 0x80), "BF16": (2, 0x7F, 0x80),
    "F16": (2, 0x7C, 0x00), "F8_E5M2": (1, 0x7C, 0x00), "F8_E4M3": (1, 0x7F, 0x00), "F8_E8M0": (1, 0xFF, 0x00),
}  # fmt: skip
_PIECE = 8 << 20


class _Lie(Exception):
    """The header is not what the format or the file's size allow."""


def check_safetensors(path: Path) -> list[Problem]:
    """Problems of one file: a truncated or lying header, else NaN and infinity by tensor."""
    try:
        with open(path, "rb") as stream:
            header, start = read_header(stream)
            tensors = _tensors(header, os.fstat(stream.fileno()).st_size - start)
            bad = [
                name for name, kind, begin, end in tensors if _has_no_number(stream, kind, start + begin, end - begin)
            ]
    except _Lie as lie:
        return [Problem(f"is no sound safetensors file: {lie}", file=str(path), hint="write or fetch it again")]
    hint = "the model is broken: look at its training"
    return [Problem(f"tensor {name!r} holds NaN or infinity", file=str(path), hint=hint) for name in bad]


def metadata(path: Path) -> dict[str, Any]:
    """`__metadata__` of a file; empty where it has none or is broken."""
    try:
        with open(path, "rb") as stream:
            found = read_header(stream)[0].get("__metadata__")
    except (_Lie, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def read_header(stream: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header and where the tensors' bytes begin."""
    raw = stream.read(8)
    if len(raw) < 8:
        raise _Lie(f"it has {len(raw)} bytes, not even a header's length")
    (length,) = struct.unpack("<Q", raw)
    if length > HEADER_LIMIT:
        raise _Lie(f"its header claims {length} bytes")
    data = stream.read(length)
    if len(data) < length:
        raise _Lie(f"its header claims {length} bytes, and {len(data)} are there")
    try:
        header = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _Lie(f"its header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise _Lie("its header is no JSON object")
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Lie("its header names a tensor twice")
    return found


def _tensors(header: dict[str, Any], size: int) -> list[tuple[str, str, int, int]]:
    """(name, dtype, begin, end) by position; they must fill the file without holes."""
    found = [_tensor(name, entry) for name, entry in header.items() if name != "__metadata__"]
    found.sort(key=lambda tensor: tensor[2:])
    texts = header.get("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(value, str) for value in texts.values()):
        raise _Lie("its __metadata__ is no map of texts")
    position = 0
    for name, _, begin, end in found:
        if begin != position:
            raise _Lie(f"tensor {name!r} begins at {begin}, and the one before it ends at {position}")
        position = end
    if position != size:
        raise _Lie(f"its tensors end at {position}, and the file at {size}")
    return found


def _tensor(name: str, entry: Any) -> tuple[str, str, int, int]:
    if not isinstance(entry, dict):
        raise _Lie(f"tensor {name!r} is described by no object")
    kind: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    if not isinstance(kind, str) or kind not in SIZES:
        raise _Lie(f"tensor {name!r} has the unknown dtype {kind!r}")
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise _Lie(f"tensor {name!r} has no sound shape or offsets")
    begin, end = offsets
    if len(shape) > 64 or end - begin != SIZES[kind] * math.prod(shape):
        raise _Lie(f"tensor {name!r} claims {end - begin} bytes for {kind} {shape}")
    return name, kind, begin, end


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 63 for item in value)


def _has_no_number(stream: BinaryIO, kind: str, start: int, length: int) -> bool:
    """Whether a tensor holds NaN or infinity; in pieces, so that memory stays constant."""
    if kind not in _NOT_NUMBERS:
        return False
    width, high, low = _NOT_NUMBERS[kind]
    stream.seek(start)
    while length > 0:
        piece = stream.read(min(_PIECE, length))
        if len(piece) < min(_PIECE, length):
            raise _Lie("it ends early")
        length -= len(piece)
        if _found(piece, width, high, low):
            return True
    return False


def _found(piece: bytes, width: int, high: int, low: int) -> bool:
    """Whether both highest bytes of any number have the bits of NaN and infinity; all of it at C speed."""
    tops = piece[width - 1 :: width]
    if not tops.translate(None, _without(high)):
        return False
    if not low:
        return True
    seconds = piece[width - 2 :: width].translate(_marks(low))
    return bool(int.from_bytes(tops.translate(_marks(high)), "little") & int.from_bytes(seconds, "little"))


def _without(bits: int) -> bytes:
    return bytes(value for value in range(256) if value & bits != bits)


def _marks(bits: int) -> bytes:
    """A table from each byte to 1 where it has all these bits, else 0."""
    return bytes(value & bits == bits for value in range(256))
