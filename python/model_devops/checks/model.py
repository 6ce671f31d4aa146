"""What must not pass as a model: pointers instead of weights, broken or executable files, numbers that are none.

Every finding is reported, each with the file and what to do next. Formats are told by content, never by
the file's name alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from model_devops.checks.executable import executable_format
from model_devops.checks.safetensors import check_safetensors
from model_devops.errors import Problem

LFS_HEAD = b"version https://git-lfs.github.com/spec/"


def check_model(files: Mapping[str, Path], allow: Sequence[str]) -> list[Problem]:
    """All problems of a model's files. `allow` names (globs) files in executable formats that are accepted."""
    problems: list[Problem] = []
    for name, path in sorted(files.items()):
        problems.extend(_check_file(name, path, allow))
    return problems


def _check_file(name: str, path: Path, allow: Sequence[str]) -> list[Problem]:
    from fnmatch import fnmatch

    with open(path, "rb") as stream:
        head = stream.read(512)
    if head.startswith(LFS_HEAD):
        return [Problem("is a Git-LFS pointer, not the weights", file=str(path), hint="run `git lfs pull` first")]
    if name.endswith(".safetensors"):
        return check_safetensors(path)
    found = executable_format(path, head)
    if found and not any(fnmatch(name, pattern) or fnmatch(path.name, pattern) for pattern in allow):
        hint = f"save the weights as safetensors or ONNX, or accept this file by name: check: {{allow: [{name}]}}"
        return [Problem(f"is {found}: loading it can run code", file=str(path), hint=hint)]
    return []
