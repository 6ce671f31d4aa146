"""What must not pass as a model: pointers instead of weights, broken or executable files, numbers that are none.

Every finding is reported, each with the file and what to do next. Formats are told by content first: another
name hides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from model_devops.checks import onnx
from model_devops.checks.executable import HEAD, executable_format
from model_devops.checks.safetensors import check_safetensors
from model_devops.errors import Problem, UsageError

LFS_HEAD = b"version https://git-lfs.github.com/spec/"
#: Files that hold weights by their name: an empty one was never written.
WEIGHTS = (".safetensors", ".onnx", ".gguf", ".bin", ".npy", ".npz", ".tflite", ".h5", ".keras", ".pt", ".pth", ".pkl")


def check_model(files: Mapping[str, Path], allow: Sequence[str]) -> list[Problem]:
    """All problems of a model's files. `allow` names (globs) files in executable formats that are accepted.

    Raises UsageError where a file can't be read.
    """
    problems: list[Problem] = []
    for name, path in sorted(files.items()):
        try:
            problems.extend(_check_file(name, path, allow))
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}", kind="unreadable") from error
    if not problems and files and not any(path.stat().st_size for path in files.values()):
        return [Problem("the model has only empty files", hint="fetch the weights, or train the model")]
    return problems


def _check_file(name: str, path: Path, allow: Sequence[str]) -> list[Problem]:
    with open(path, "rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(LFS_HEAD):
        return [Problem("is a Git-LFS pointer, not the weights", file=str(path), hint="run `git lfs pull` first")]
    if not head and name.lower().endswith(WEIGHTS):
        return [Problem("is empty", file=str(path), hint="write or fetch it again")]
    if name.lower().endswith(".safetensors"):
        return check_safetensors(path)
    if name.lower().endswith(".onnx") and onnx.signature(path) is None:
        return [Problem("is no ONNX file that can be read, or cut off", file=str(path), hint="write or fetch it again")]
    found = executable_format(path, head)
    if found and not _allowed(name, path, allow):
        hint = f"save the weights as safetensors or ONNX, or accept this file by name: check: {{allow: [{name}]}}"
        return [Problem(f"is {found}: loading it can run code", file=str(path), hint=hint)]
    return []


def _allowed(name: str, path: Path, allow: Sequence[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) or fnmatchcase(path.name, pattern) for pattern in allow)
