"""What Python scripts say of themselves, read as text and never run: their role, and what they write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from model_devops.config.kinds import WEIGHTS

#: Folders in which scripts are looked for, beside the top.
FOLDERS = ("scripts", "src")
_NOT_CODE = re.compile(r"(setup|conftest|noxfile|tasks|test_.*|.*_test)\.py")
_TEXT = re.compile(r"""(["'])((?:[\w-][\w.-]*/)*[\w-][\w.-]*)\1""")
#: A line that builds a path of several parts: none of them is the path.
_PARTS = re.compile(r"""join\(|/ *f?["']|["'] */|["'] *, *["'][^"']*\.|^\s*#""")
_READY = ("/ready", "/readyz", "/health", "/healthz", "/ping")


def is_code(path: str) -> bool:
    """Whether a Python file can be what trains, measures or serves, by its name."""
    return not _NOT_CODE.fullmatch(PurePosixPath(path).name)


def beginning_with(word: str, scripts: list[str]) -> list[str]:
    """The scripts whose names begin with a word: those nearest to the top first, then the shortest names."""
    found = [path for path in scripts if PurePosixPath(path).name.startswith(word)]
    return sorted(found, key=lambda path: (path.count("/"), len(path), path))


def source(file: Path) -> str:
    """The beginning of a script."""
    with file.open("rb") as stream:
        return stream.read(1 << 18).decode("utf-8", "replace")


def weights_written(text: str) -> list[str]:
    """Relative paths in a training script that name weights, the safest kind first."""
    found = {path for path in _paths(text) if path.endswith(WEIGHTS)}
    return sorted(found, key=lambda path: (next(i for i, end in enumerate(WEIGHTS) if path.endswith(end)), path))


def metrics_written(text: str) -> str | None:
    """The JSON file that an evaluation seems to write its metrics to."""
    found = [path for path in _paths(text) if path.endswith(".json")]
    return next((path for path in found if re.search(r"metric|score|result|eval", path, re.IGNORECASE)), None)


def addresses(text: str) -> tuple[str, str | None]:
    """Where a server seems to say that it is ready, and where what it has loaded, if it does."""
    ready = next((path for path in _READY if re.search(rf"[\"']{path}[\"']", text)), "/ready")
    return ready, "/model" if re.search(r"[\"']/model[\"']", text) and "digest" in text else None


def gates(file: Path) -> list[str]:
    """Gates as examples, one for each number in a metrics file that an earlier run left."""
    try:
        document: Any = json.loads(file.read_bytes()[: 1 << 16])
    except (OSError, ValueError, RecursionError):
        return []
    found = []
    for key, value in document.items() if isinstance(document, dict) else ():
        if type(value) in (int, float) and abs(value) < 1e15 and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", key):
            limit = "max" if re.search(r"loss|err|rmse|mae|mse|_ms|_s$|latency|seconds", key, re.IGNORECASE) else "min"
            found.append(f"{key}: {{{limit}: {value:g}}}")
    return found[:5]


def _paths(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not _PARTS.search(line):
            yield from (found[2] for found in _TEXT.finditer(line))
