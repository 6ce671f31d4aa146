"""What a path in a model.yaml may look like (C2). Whether it matches anything is asked where files are collected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from model_devops.config.places import Keys, Places
from model_devops.errors import Problem

_PARAMS = (".yaml", ".yml", ".json")
_GLOB = re.compile(r"[*?\[]")
#: Every place that holds a path or a list of paths.
_PATHS: tuple[Keys, ...] = (
    *(("artifacts", name) for name in ("model", "dataset", "code", "params", "runtime")),
    ("artifacts", "runtime", "file"),
    ("check", "allow"),
    ("test", "metrics"),
    ("test", "junit"),
    ("test", "code"),
    ("test", "requests"),
    ("package", "dockerfile"),
    ("package", "context"),
    ("moved_from",),
)
#: Those that name one file, so that a glob or a folder makes no sense.
_ONE_FILE: tuple[Keys, ...] = (
    ("artifacts", "params"),
    ("artifacts", "runtime"),
    ("artifacts", "runtime", "file"),
    ("test", "metrics"),
    ("test", "junit"),
    ("test", "requests"),
    ("package", "dockerfile"),
    ("moved_from",),
)


def problems(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """All problems of paths."""
    for keys in _PATHS:
        value = _find(document, keys)
        if value == [] and keys[0] == "artifacts":
            yield places.problem("names no file", *keys, hint="leave the key out, or name paths or globs")
        written = [(keys, value)] if isinstance(value, str) else []
        if isinstance(value, list):
            written = [((*keys, index), item) for index, item in enumerate(value) if isinstance(item, str)]
        for where, path in written:
            yield from _path(path, where, keys in _ONE_FILE, places)
    params = _find(document, ("artifacts", "params"))
    if params and not params.lower().endswith(_PARAMS):
        yield places.problem("must be a YAML or JSON file", "artifacts", "params", allowed=_PARAMS)


def _find(document: Any, keys: Keys) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _path(path: str, where: Keys, one_file: bool, places: Places) -> Iterator[Problem]:
    message, hint = _wrong(path)
    if message is None and one_file and (_GLOB.search(path) or path.endswith("/") or path in (".", "./")):
        message, hint = "must name one file", None
    if message is not None:
        yield places.problem(message, *where, hint=hint)


def wrong_key(key: str) -> str | None:
    """What is wrong with a public key, given as PEM or as the path of its file, if that can be seen."""
    if "PRIVATE KEY-----" in key:
        return "is a private key: whoever reads it can sign"
    if "-----BEGIN" in key:
        return None
    if "\\" in key or any(ord(char) < 32 for char in key) or key.startswith(("/", "~")) or "://" in key:
        return "is neither a public key in PEM nor a file's path relative to the folder of model.yaml"
    return None


def _wrong(path: str) -> tuple[str | None, str | None]:
    if "\\" in path or any(ord(char) < 32 for char in path):
        return ("may hold neither a backslash nor a control character (C2)", "separate folders with /")
    if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:/", path) or "://" in path:
        return "must be relative to the folder of model.yaml", None
    depth = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return ("leaves the folder of model.yaml", "name files in this folder or below")
    return None, None
