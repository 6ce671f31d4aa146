"""Parameters given at build time (B11): they replace values in the params file while the build runs.

The file is put back afterwards, also on failure. A build that was killed leaves a copy of the original
beside git's own files; the next one puts it back first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_devops import faults
from model_devops.adapters.files import write_atomic
from model_devops.errors import Problem, UsageError


def parse(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`name=value` pairs; a value is YAML, so `0.1` is a number and `'0.1'` a string. All problems at once."""
    values: dict[str, Any] = {}
    problems = []
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            problems.append(
                Problem(f"--param {pair!r} is not NAME=VALUE", hint="for example --param learning_rate=0.1")
            )
            continue
        values[name] = _value(text)
    if problems:
        raise UsageError("parameters can't be read", problems=problems)
    return values


def _value(text: str) -> Any:
    import yaml

    try:
        value = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, (bool, int, float, list, dict)) or value is None else text


@contextlib.contextmanager
def replaced(file: Path | None, values: dict[str, Any], keep: Path) -> Iterator[None]:
    """Run with the parameters in the file. `keep` is the folder for the original while it is replaced."""
    backup = keep / ("params-" + hashlib.sha256(str(file).encode()).hexdigest()[:16])
    if file is not None and backup.exists():
        _move(backup, file)
    if not values:
        yield
        return
    if file is None:
        raise UsageError("parameters were given, but model.yaml names no `params` file", hint="add artifacts.params")
    faults.point("build.before-params")
    original = file.read_bytes()
    changed = rewrite(original, values, file)
    write_atomic(backup, original)
    try:
        new = backup.with_name(f"{backup.name}.new")
        write_atomic(new, changed)
        _move(new, file)
        faults.point("build.after-params")
        yield
    finally:
        _move(backup, file)


def _move(source: Path, file: Path) -> None:
    """Rename into place: what a full disk can't prevent, and a kill leaves no file of ours in the workspace.

    Where git's files lie on another disk, write it there.
    """
    try:
        os.replace(source, file)
    except OSError:
        write_atomic(file, source.read_bytes())
        source.unlink()


def rewrite(original: bytes, values: dict[str, Any], file: Path) -> bytes:
    """The params file with values replaced (dots reach into it) and sorted keys. Unknown names are refused."""
    document = _read(original, file)
    problems = [problem for name, value in values.items() if (problem := _set(document, name, value, file))]
    if problems:
        raise UsageError(f"parameters that {file.name} does not have", problems=problems)
    if file.suffix == ".json":
        return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    import yaml

    dumped: bytes = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, encoding="utf-8")
    return dumped


def _read(original: bytes, file: Path) -> dict[str, Any]:
    import yaml

    try:
        document = json.loads(original) if file.suffix == ".json" else yaml.load(original, yaml.CSafeLoader)
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{file.name} can't be read: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{file.name} must hold names and values at its top level")
    return document


def _set(document: dict[str, Any], name: str, value: Any, file: Path) -> Problem | None:
    *path, last = [name] if name in document else name.split(".")
    inner: Any = document
    for key in path:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or last not in inner:
        known = tuple(str(key) for key in (inner if isinstance(inner, dict) else document))
        return Problem(f"there is no parameter {name!r}", file=str(file), allowed=known)
    inner[last] = value
    return None
