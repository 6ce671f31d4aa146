"""From requirements.txt to the set that a release is bound to (B3)."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from model_devops.errors import Problem, UsageError
from model_devops.runtime import interpreter
from model_devops.runtime.lock import Header, Pin, dumps
from model_devops.runtime.requirements import Written, read

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def resolve(requirements: bytes | Path) -> bytes:
    """The lock of these requirements for the Python on PATH: sorted names, versions, hashes.

    Indexes are those of pip.conf, PIP_* and the file. Raises UsageError for what can't be pinned (all
    problems at once) or does not exist, UnreachableError where no index answers.
    """
    if isinstance(requirements, Path):
        return _resolve_file(requirements)
    with tempfile.TemporaryDirectory(prefix="model-devops-") as folder:
        file = Path(folder) / "requirements.txt"
        file.write_bytes(requirements)
        return _resolve_file(file)


def _resolve_file(file: Path) -> bytes:
    written = read(file)
    python = interpreter.on_path()
    pins = _pins(_report(file, python, written))
    return dumps(Header(python.version, python.platform, as_is=False), written.options, pins)


def variables_in(files: list[Path]) -> set[str]:
    """Names of the environment variables that requirement files refer to, which pip fills in."""
    return {name for file in files for name in _VARIABLE.findall(file.read_text("utf-8", "replace"))}


def _report(file: Path, python: interpreter.Interpreter, written: Written) -> list[dict[str, Any]]:
    from model_devops.runtime.pip import run_pip

    if not written.requirements:
        return []
    with tempfile.TemporaryDirectory(prefix="model-devops-") as folder:
        report = Path(folder) / "report.json"
        arguments = ["install", "--dry-run", "--ignore-installed", "--report", str(report), "-r", str(file.absolute())]
        run_pip(python.path, arguments, file.absolute().parent, variables_in(written.files))
        items: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
    return items


def _pins(report: list[dict[str, Any]]) -> list[Pin]:
    pins, problems = [], []
    for item in report:
        name, version = canonicalize_name(item["metadata"]["name"]), item["metadata"]["version"]
        came = item["download_info"]
        sha256 = came.get("archive_info", {}).get("hashes", {}).get("sha256")
        if sha256:
            pins.append(Pin(name, version, (sha256,), came["url"] if item.get("is_direct") else None))
        else:
            problems.append(Problem(f"{name} {version} comes without a SHA-256", hint="use an index that gives hashes"))
    if problems:
        raise UsageError("the runtime can't be pinned", problems=problems)
    return pins
