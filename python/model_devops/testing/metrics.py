"""The metrics that a test run wrote: JSON, and nothing in it is believed before it is looked at (T1).

Python's own json module writes NaN and Infinity, which are no JSON; they are read, so that the message
can name the metric. Anything else that is wrong with the file is one message for the whole file.
"""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_devops.errors import UsageError

#: A larger file is no metrics file (bytes).
LIMIT = 16 << 20
#: What evidence keeps of the metrics (bytes of JSON); of a larger document only the gates' own.
KEPT = 64 << 10
_EXACT = 1 << 53


@dataclass(frozen=True)
class Metrics:
    """What the run measured; `problem` says why nothing can be read."""

    values: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None

    def number(self, name: str) -> tuple[int | float | None, str]:
        """The number of a metric, or None and what is there instead, in words."""
        if self.problem is not None:
            return None, self.problem
        found, value = _look_up(self.values, name)
        return as_number(value) if found else (None, "is missing from the metrics")


def clear(path: Path) -> None:
    """Delete what lies at the metrics file's place before a run. Raises UsageError for a folder."""
    if path.is_dir() and not path.is_symlink():
        raise UsageError(f"{path} is a folder, and a test's run is to write a file there")
    path.unlink(missing_ok=True)


def read(path: Path) -> Metrics:
    """Read the file that the run wrote. Never raises: what is wrong fails the gates, and names the file."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return Metrics(problem=f"can't be read: {path.name} is no regular file")
        if found.st_size > LIMIT:
            return Metrics(problem=f"can't be read: {path.name} has more than {LIMIT >> 20} MiB")
        return parse(path.read_bytes(), path.name)
    except FileNotFoundError:
        return Metrics(problem=f"was not measured: the run wrote no {path.name}")
    except OSError as error:
        return Metrics(problem=f"can't be read: {path.name}: {error.strerror}")


def parse(data: bytes, name: str = "metrics") -> Metrics:
    """The metrics in these bytes. Duplicate keys, other encodings and other documents are refused in words."""
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_no_duplicates)
    except UnicodeDecodeError:
        return Metrics(problem=f"can't be read: {name} is not UTF-8")
    except RecursionError:
        return Metrics(problem=f"can't be read: {name} is nested too deeply")
    except ValueError as error:  # what is no JSON, a key twice, an integer of thousands of digits
        return Metrics(problem=f"can't be read: {name}: {str(error)[:200]}")
    if not isinstance(document, dict):
        return Metrics(problem=f"can't be read: {name} holds {_kind(document)}, not an object with names")
    return Metrics(document)


def as_number(value: object) -> tuple[int | float | None, str]:
    """`value` if a gate can compare it, else None and what it is, in words."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None, f"is {_kind(value)}, not a number"
    if isinstance(value, float) and not math.isfinite(value):
        return None, f"is {'NaN' if math.isnan(value) else 'infinite'}"
    try:
        float(value)
    except OverflowError:
        return None, "is an integer too large to compare"
    return value, ""


def for_evidence(values: Mapping[str, Any], gates: list[str]) -> dict[str, Any]:
    """The metrics as canonical JSON can hold them; of a large document only those that gates name."""
    plain: dict[str, Any] = _plain(dict(values), 0)
    if len(json.dumps(plain)) <= KEPT:
        return plain
    found = {name: _look_up(values, name) for name in gates}
    return {name: _plain(value, 0) for name, (there, value) in found.items() if there and as_number(value)[1] == ""}


def _look_up(values: Any, name: str) -> tuple[bool, Any]:
    """`a.b.c` is that key or, where there is none, the longest key that leads to the rest."""
    if not isinstance(values, dict):
        return False, None
    if name in values:
        return True, values[name]
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:count])
        if head in values:
            found = _look_up(values[head], ".".join(parts[count:]))
            if found[0]:
                return found
    return False, None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {key[:80]!r} is there twice")
        values[key] = value
    return values


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return "a number"


def _plain(value: Any, depth: int) -> Any:
    """A copy that RFC 8785 can write: no NaN, no integer beyond 2^53, no lone surrogate, not deep."""
    if depth > 20:
        return "(deeper)"
    if isinstance(value, dict):
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    return _text(value) if isinstance(value, str) else _plain_number(value)


def _plain_number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT:
        return float(value) if as_number(value)[0] is not None else "(too large)"
    return value


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
