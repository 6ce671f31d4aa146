"""The resolved runtime, a release's `runtime` artifact: names, versions and hashes, sorted (B3).

It is a requirements file that pip reads, with a header that says which Python it was resolved for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from model_devops.errors import RefusedError

#: The artifact's only file.
FILE = "requirements.lock"
_TITLE = "# model-devops runtime v1"
_HEADER = re.compile(r"^# (python|platform|use) (\S+)$", re.MULTILINE)
_PYTHON = re.compile(r"^3\.[0-9]{1,3}$")


@dataclass(frozen=True)
class Pin:
    """One package of the set: `where` is its URL where no index has it."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    where: str | None = None

    def line(self) -> str:
        """The requirement line."""
        name = canonicalize_name(self.name)
        what = f"{name} @ {self.where}" if self.where else f"{name}=={self.version}"
        return " ".join([what, *(f"--hash=sha256:{value}" for value in sorted(self.hashes))])


@dataclass(frozen=True)
class Header:
    """What the lock says of its making."""

    python: str
    """major.minor of the interpreter."""
    platform: str
    as_is: bool


def dumps(header: Header, options: list[str], pins: list[Pin]) -> bytes:
    """The lock's bytes: the same for the same set, whatever order it came in."""
    lines = [_TITLE, f"# python {header.python}", f"# platform {header.platform}"]
    lines += ["# use as-is"] if header.as_is else []
    lines += options
    lines += sorted(pin.line() for pin in pins)
    return ("\n".join(lines) + "\n").encode()


def header_of(lock: bytes) -> Header:
    """Read the header. Raises RefusedError (kind `runtime-unknown`) for what this program did not write."""
    text = lock.decode("utf-8", "replace")
    found = dict(_HEADER.findall(text))
    if not text.startswith(_TITLE + "\n") or not _PYTHON.match(found.get("python", "")):
        raise RefusedError(
            "the release's runtime is not one that this version of model-devops reads", kind="runtime-unknown"
        )
    return Header(found["python"], found.get("platform", "unknown"), found.get("use") == "as-is")
