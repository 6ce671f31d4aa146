"""What files may be called (C2): NFC with `/`, fit for every file system, no two alike."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from model_devops.errors import Problem

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNDECODABLE = re.compile("[\ud800-\udfff]")


def normal(name: str) -> str:
    """A name in NFC."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """A name as it can be printed, whatever bytes or control characters it has."""
    printable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", printable)


class Names:
    """Files by their C2 name relative to a root folder, and a problem for every name that can't be one."""

    def __init__(self, root: str) -> None:
        self._prefix = root + "/" if root else ""
        self.files: dict[str, Path] = {}
        self.problems: list[Problem] = []
        self._folded: dict[str, tuple[str, bool]] = {}
        """What was seen under each case-folded name: the name, and whether it is a folder."""

    def add(self, relative: str, path: Path) -> None:
        """Take a file by its path relative to model.yaml's folder."""
        name = normal(relative).removeprefix(self._prefix)
        reason = _unfit(name)
        other = None if reason else self._alike(name)
        if reason:
            self._problem(f"{shown(relative)} has {reason} in its name", path, "rename it")
        elif other is not None:
            what = "one name where case and Unicode form don't count"
            self._problem(f"{shown(relative)} and {other} are {what}", path, "rename or remove one of them")
        else:
            self.files[name] = path

    def _alike(self, name: str) -> str | None:
        """Another file or folder whose name equals this one's, or that of a folder above it, under case folding."""
        part, is_folder = name, False
        while part:
            seen = self._folded.get(_folded(part))
            if seen == (part, True) and is_folder:
                return None  # what is above was looked at with the first file in there
            if seen is not None:
                return self._prefix + seen[0]
            self._folded[_folded(part)] = (part, is_folder)
            part, is_folder = part.rpartition("/")[0], True
        return None

    def _problem(self, message: str, path: Path, hint: str) -> None:
        self.problems.append(Problem(message, file=shown(str(path)), hint=hint))


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name.casefold())


def _unfit(name: str) -> str | None:
    if "\\" in name:
        return "a backslash"
    if _CONTROL.search(name):
        return "a control character"
    return "bytes that are not UTF-8" if _UNDECODABLE.search(name) else None
