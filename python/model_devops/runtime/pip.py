"""Running pip: this program's own, on another interpreter, with what pip.conf and PIP_* say of indexes."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from model_devops.errors import (
    ModelDevopsError,
    Problem,
    RefusedError,
    UnreachableError,
    UsageError,
)
from model_devops.runtime.commands import run_program
from model_devops.runtime.surroundings import passed

#: What pip says where an index or proxy does not answer; trying again may help.
_NO_ANSWER = re.compile(
    r"connection broken by|ConnectionError|NewConnectionError|Read timed out|ConnectTimeout|ReadTimeoutError"
    r"|Temporary failure in name resolution|Name or service not known|Max retries exceeded"
    r"|HTTP error (429|5\d\d)|(429|5\d\d) (Server|Client) Error|NameResolutionError|No route to host"
)
_WRONG_HASH = "DO NOT MATCH THE HASHES"
_USER_IN_URL = re.compile(r"(://)[^/\s@]*@")
#: Settings of pip that would put packages elsewhere than where they are asked for, and what undoes them.
_UNDONE = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
_DROPPED = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REPORT", "PIP_DRY_RUN", "PIP_REQUIREMENT", "PIP_CONSTRAINT")


def run_pip(python: str | Path, arguments: list[str], cwd: Path, needed: set[str]) -> None:
    """Run pip for the interpreter `python`. `needed` names variables that requirement files refer to.

    Raises UnreachableError where no index answers, RefusedError (kind `runtime-differs`) where a package
    has other bytes than pinned, UsageError with pip's words for anything else.
    """
    words = [sys.executable, "-I", "-m", "pip", "--python", str(python), *arguments]
    finished = run_program(words, cwd, _environment(needed))
    if not finished.ok:
        raise _failure(_USER_IN_URL.sub(r"\1***@", finished.output_tail))


def _environment(needed: set[str]) -> dict[str, str]:
    """Credentials of indexes are pip's business, in pip.conf, .netrc or PIP_*: only those are let through."""
    asked = {
        name for name in needed if not name.startswith("MODEL_DEVOPS_")
    }  # else a branch could send a key away (T1)
    mine = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in asked}
    proxies = {name: value for name, value in os.environ.items() if name.upper().endswith("_PROXY")}
    environment = passed() | proxies | {"PIP_RETRIES": "2"} | mine | _UNDONE
    if environment["PIP_RETRIES"] == "0":
        environment["PIP_RETRIES"] = "1"  # with none pip doesn't say that nobody answered
    if "NETRC" in os.environ:
        environment["NETRC"] = os.environ["NETRC"]
    return {
        name: value for name, value in environment.items() if name not in _DROPPED and not name.startswith("PYTHON")
    }


def _failure(output: str) -> ModelDevopsError:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-5:]
    problems = [Problem(line.removeprefix("ERROR: ")) for line in errors[-10:]]
    if _WRONG_HASH in output:
        wrong = [Problem(line) for line in lines if " from " in line and "==" in line and not line.startswith("ERROR")]
        return RefusedError(
            "a package of the runtime has other bytes than those that the release names",
            kind="runtime-differs",
            problems=wrong,
            hint="find out who changed it on the index; the release's own bytes are what was tested",
        )
    if _NO_ANSWER.search(output):
        return UnreachableError(
            "no package index answers",
            kind="index-unreachable",
            problems=problems,
            hint="try again, or name a mirror (PIP_INDEX_URL) or a folder of wheels (PIP_FIND_LINKS)",
        )
    return UsageError("pip could not resolve or install the runtime", kind="pip", problems=problems)
