"""Which Python a team's commands find, and what is installed there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_devops.errors import Problem, UsageError
from model_devops.runtime.surroundings import passed

_PROBE = """\
import importlib.metadata as m, json, os, platform, sys, sysconfig
installed = {}
for d in m.distributions():
    name = d.metadata["Name"] if d.metadata else None
    if name and d.version:
        installed.setdefault(name, d.version)
v = sys.implementation.version
print(json.dumps({
    "platform": sysconfig.get_platform(), "installed": installed,
    "markers": {
        "os_name": os.name, "sys_platform": sys.platform, "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(), "platform_system": platform.system(),
        "platform_version": platform.version(), "python_version": "%d.%d" % sys.version_info[:2],
        "python_full_version": platform.python_version(), "implementation_name": sys.implementation.name,
        "implementation_version": "%d.%d.%d" % (v.major, v.minor, v.micro),
    },
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python, as it describes itself."""

    path: str
    platform: str
    markers: dict[str, str]
    """The environment in which requirement markers are evaluated."""
    installed: dict[str, str]
    """Version by name, as written in each package's metadata."""

    @property
    def version(self) -> str:
        """major.minor"""
        return self.markers["python_version"]


def on_path() -> Interpreter:
    """The Python that a command finds as `python` or `python3`, else the one that runs this program."""
    for name in ("python", "python3"):
        found = shutil.which(name)
        described = ask(found) if found else None
        if described:
            return described
    return _own()


def of_version(version: str) -> Interpreter:
    """An interpreter of this major.minor on PATH. Raises UsageError naming those that are there."""
    seen: list[str] = []
    for name in (f"python{version}", "python", "python3", sys.executable):
        found = shutil.which(name)
        described = ask(found) if found else None
        if described and described.version == version:
            return described
        if described:
            seen.append(f"{described.path} is {described.version}")
    raise UsageError(
        f"the runtime was resolved for Python {version}, which is not on PATH",
        kind="no-python",
        problems=[Problem(text) for text in dict.fromkeys(seen)],
        hint=f"install python{version} here, or build on a machine with the Python of this one",
    )


def ask(path: str | Path) -> Interpreter | None:
    """What the Python at `path` says of itself; None where it is none that works, or is older than 3.8."""
    try:
        done = subprocess.run(
            [str(path), "-c", _PROBE],
            capture_output=True,
            env=passed(),
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=True,
            cwd="/",  # `-c` looks for modules where it stands: not in the team's folder
        )
        said: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(str(path), said["platform"], said["markers"], said["installed"])


def _own() -> Interpreter:
    described = ask(sys.executable)
    if described is None:
        raise UsageError("no working Python on PATH", kind="no-python", hint="install python3 here")
    return described
