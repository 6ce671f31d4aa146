"""Digest lists: one line for each file, as `sha256sum` writes and checks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from model_devops.content.digest import Entry
from model_devops.errors import Problem, UsageError

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_LIMIT = 256 << 20


def dumps(files: Mapping[str, Entry]) -> str:
    """The list of these files, sorted by the UTF-8 bytes of their path."""
    ordered = sorted(files.items(), key=lambda item: item[0].encode())
    return "".join(f"{sha256}  {path}\n" for path, (sha256, _) in ordered)


def load(file: Path) -> dict[str, str]:
    """{path: SHA-256 in hex} of a list. Raises UsageError naming every line that is none."""
    try:
        with open(file, "rb") as stream:
            text = stream.read(_LIMIT).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"the digest list {file} can't be read: {reason}") from error
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None or match[2] in found:
            if line.strip():
                problems.append(Problem("no line of a digest list, or a second one of its path", str(file), number))
            continue
        found[match[2]] = match[1]
    if problems or not found:
        hint = "write it with `model-devops hash --files FOLDER` or `sha256sum`"
        raise UsageError(f"{file} is no digest list", kind="digest-list", problems=problems, hint=hint)
    return found
