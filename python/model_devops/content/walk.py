"""From paths and globs to files (C2): nothing is followed, and what can't be content is refused by name.

A path names a file, or a folder with all that is in it. A glob names files: `*`, `?` and `[…]` stay within one
part of a path, `**` stands for any number of folders, and at the end for everything below. Wildcards match names
that begin with a dot, but never `.git`. A folder that holds `.git` is refused until `ignore` names it (C1: nothing
is ignored silently); this program's own folder beside model.yaml, `.model-devops`, is never content.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from pathlib import Path

from model_devops.content.naming import normal, shown
from model_devops.errors import Problem, UsageError

OWN, GIT = ".model-devops", ".git"
_WILD = frozenset("*?[")


def is_glob(pattern: str) -> bool:
    """Whether a pattern has wildcards."""
    return bool(_WILD & set(pattern))


def parts(pattern: str) -> list[str] | None:
    """The parts of a path or glob; None where it leaves the folder that it is relative to."""
    found = [part for part in pattern.split("/") if part not in ("", ".")]
    return None if pattern.startswith("/") or ".." in found else found


def on_disk(folder: Path, steps: Sequence[str]) -> Path | None:
    """The path as it is on disk, where a name may have another Unicode form. None: it isn't there."""
    path = folder
    for step in steps:
        found = _child(path, step)
        if found is None:
            return None
        path = found
    return path


def _child(folder: Path, name: str) -> Path | None:
    if "\0" not in name and os.path.lexists(folder / name):
        return folder / name
    if name.isascii():
        return None
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    return next((folder / other for other in sorted(names) if normal(other) == normal(name)), None)


class Walk:
    """Finds files below a folder and keeps every problem."""

    def __init__(self, folder: Path, ignore: Sequence[str]) -> None:
        self._folder = folder
        self._matched = 0
        self._ignore = _ignore(ignore)
        self.found: dict[str, Path] = {}
        """Path relative to the folder, as it is on disk → file."""
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        """One for each thing that can't be content."""
        return list(self._problems.values())

    def add(self, pattern: str) -> bool:
        """Take what one path or glob names. False: it names nothing, and nothing is wrong with it."""
        self._matched = 0
        steps = parts(pattern)
        if steps is None:
            self._problem(pattern, f"{shown(pattern)} leaves the folder of model.yaml", "name a path within it")
        elif is_glob(pattern):
            self._glob(self._folder, "", _without_repeats(steps))
        else:
            self._path(steps)
        return self._matched > 0

    def add_literal(self, name: str) -> bool:
        """Take a file or folder by its exact name, the folder itself by an empty one."""
        self._matched = 0
        self._path([name] if name else [])
        return self._matched > 0

    def _path(self, steps: list[str]) -> None:
        path, relative = self._folder, ""
        for step in steps:
            child = _child(path, step)
            if child is None:
                return
            path, relative = child, _join(relative, child.name)
            if child.is_symlink():
                break  # refused by name, never followed
        self._take(str(path), relative, os.lstat(path).st_mode)

    def _glob(self, folder: Path, relative: str, steps: list[str]) -> None:
        """Follow a glob's parts; the last one matches files."""
        head, rest = steps[0], steps[1:]
        if head == "**" and rest:
            self._glob(folder, relative, rest)
        for entry in self._entries(str(folder), relative):
            name, path = _join(relative, entry.name), folder / entry.name
            if entry.name == GIT or name == OWN or not (head == "**" or _fits(head, entry.name)):
                continue
            remaining = steps if head == "**" and rest else rest
            if entry.is_symlink():
                if not rest or path.is_dir():  # it could hide what the glob is looking for
                    self._take(str(path), name, stat.S_IFLNK)
            elif not entry.is_dir(follow_symlinks=False):
                if not rest:
                    self._take(str(path), name, os.lstat(path).st_mode)
            elif head == "**" and not rest:
                self._take(str(path), name, stat.S_IFDIR)
            elif remaining and not self._is_ignored(name + "/"):
                self._glob(path, name, remaining)

    def _take(self, path: str, relative: str, mode: int) -> None:
        """A file, or all below a folder."""
        if relative == OWN:
            return
        if self._is_ignored(relative + "/" if stat.S_ISDIR(mode) else relative):
            return
        if os.path.basename(relative) == GIT:
            hint = "name it in model.yaml: `ignore: [.git]`, or choose a narrower folder"
            self._problem(path, f"{shown(relative)} is git's own and no content", hint)
        elif stat.S_ISDIR(mode):
            for entry in self._entries(path, relative):
                self._take(entry.path, _join(relative, entry.name), _mode(entry))
        elif stat.S_ISREG(mode):
            self._matched += 1
            self.found[relative] = Path(path)
        else:
            hint = "replace it by the file itself, or name it in model.yaml's `ignore`"
            self._problem(path, f"{shown(relative)} is {_kind(mode)}; only regular files make an artifact", hint)

    def _entries(self, path: str, relative: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(path) as entries:
                return list(entries)
        except OSError as error:
            self._problem(path, f"{shown(relative) or 'the folder'} can't be read: {error.strerror}", "let it be read")
            return []

    def _is_ignored(self, relative: str) -> bool:
        return self._ignore is not None and relative != "/" and bool(self._ignore.match_file(relative))

    def _problem(self, path: str, message: str, hint: str) -> None:
        self._matched += 1
        self._problems.setdefault(message, Problem(message, file=shown(path), hint=hint))


def _ignore(patterns: Sequence[str]):  # type: ignore[no-untyped-def]  # pathspec has no types
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise UsageError(
            f"ignore: {error}", kind="ignore", problems=[Problem(f"ignore: {error}", hint="see `man gitignore`")]
        ) from error


@lru_cache
def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(translate(normal(part)))


def _fits(part: str, name: str) -> bool:
    return _pattern(part).match(normal(name)) is not None


def _without_repeats(steps: list[str]) -> list[str]:
    """`**/**` as `**`: the same, without looking at everything twice."""
    return [step for index, step in enumerate(steps) if step != "**" or steps[index - 1 : index] != ["**"]]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _mode(entry: os.DirEntry[str]) -> int:
    """The kind of an entry; a `stat` only where the folder itself doesn't tell."""
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    return entry.stat(follow_symlinks=False).st_mode


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symlink", stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device")
