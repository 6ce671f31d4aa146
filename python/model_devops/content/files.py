"""Which files make an artifact (C2)."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.errors import Problem, UsageError

if TYPE_CHECKING:
    from model_devops.config.load import Loaded

_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Artifact:
    """The files of one artifact. `root` is its folder relative to model.yaml's, `` for a file, a list or a glob."""

    name: str
    root: str
    files: dict[str, Path]
    """Path relative to `root` (NFC, `/`) → file on disk."""


def collect_all(loaded: Loaded, *, absent_ok: Iterable[str] = ()) -> dict[str, Artifact]:
    """All artifacts of a model.yaml, with all problems at once. Those in `absent_ok` may match nothing."""
    from model_devops.config.views import artifact_patterns

    found: dict[str, Artifact] = {}
    problems: list[Problem] = []
    for name, patterns in artifact_patterns(loaded.model).items():
        try:
            found[name] = collect(loaded.folder, patterns, loaded.model.ignore, name)
        except UsageError as error:
            if not (error.kind == "no-match" and name in absent_ok):
                problems.extend(error.problems)
    if problems:
        raise UsageError("the artifacts can't be collected", kind="artifacts", problems=problems)
    return found


def collect(folder: Path, patterns: Sequence[str], ignore: Sequence[str], name: str) -> Artifact:
    """The files that these paths or globs name, relative to model.yaml's folder (C2).

    Raises UsageError with a problem for each: a symlink, socket or device; a name that can't be written as C2 wants;
    two names that are equal under case folding; a path that leaves the folder; a pattern that matches nothing.
    """
    root = _root(folder, patterns)
    collector = _Collector(folder, name, ignore)
    for pattern in patterns:
        collector.add(pattern)
    files = collector.named(folder / root)
    if collector.problems:
        kind = "no-match" if collector.only_absent else "artifacts"
        message = f"{name}: {collector.problems[0].message}"
        raise UsageError(message, kind=kind, problems=collector.problems)
    return Artifact(name, root, files)


def _root(folder: Path, patterns: Sequence[str]) -> str:
    """A single folder is its artifact's root, so that its name is no part of the content."""
    if len(patterns) == 1 and not _GLOB & set(patterns[0]):
        path = folder / patterns[0]
        if path.is_dir() and not path.is_symlink():
            return Path(os.path.normpath(patterns[0])).as_posix().removeprefix(".")
    return ""


class _Collector:
    """Walks patterns and keeps every problem."""

    def __init__(self, folder: Path, name: str, ignore: Sequence[str]) -> None:
        from pathspec import GitIgnoreSpec

        self._folder, self._name = folder, name
        self._ignore = GitIgnoreSpec.from_lines(ignore) if ignore else None
        self._found: dict[str, Path] = {}
        self.problems: list[Problem] = []
        self.only_absent = True

    def add(self, pattern: str) -> None:
        """Take what one path or glob names."""
        if os.path.isabs(pattern) or ".." in Path(pattern).parts:
            self._problem(f"{pattern} leaves the folder of model.yaml", pattern)
            return
        before = len(self._found), len(self.problems)
        for path in self._matches(pattern):
            self._take(path)
        if (len(self._found), len(self.problems)) == before:
            self.problems.append(
                Problem(f"{pattern} matches no file", hint=f"artifacts.{self._name} in model.yaml names it")
            )

    def _matches(self, pattern: str) -> Iterator[Path]:
        if not _GLOB & set(pattern):
            path = self._folder / pattern
            if os.path.lexists(path):
                yield path
            return
        yield from (path for path in sorted(self._folder.glob(pattern)) if not path.is_dir() or path.is_symlink())

    def _take(self, path: Path) -> None:
        """A file, or all below a folder. `.git` and this program's own folder are never content."""
        try:
            mode = os.lstat(path).st_mode
        except OSError as error:
            self._problem(f"{self._shown(path)} can't be read: {error.strerror}", str(path))
            return
        if stat.S_ISDIR(mode):
            self._walk(path)
        elif self._is_ignored(path):
            return
        elif stat.S_ISREG(mode):
            self._found[self._relative(path)] = path
        else:
            self._problem(f"{self._shown(path)} is {_kind(mode)}; only regular files make an artifact", str(path))

    def _walk(self, folder: Path) -> None:
        if folder.name in (".git", ".model-devops"):
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self._problem(f"{self._shown(folder)} can't be read: {error.strerror}", str(folder))
            return
        for entry in entries:
            self._take(Path(entry.path))

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._folder).replace(os.sep, "/")

    def _is_ignored(self, path: Path) -> bool:
        return self._ignore is not None and self._ignore.match_file(self._relative(path))

    def _shown(self, path: Path) -> str:
        return self._relative(path).encode("utf-8", "backslashreplace").decode()

    def _problem(self, message: str, file: str) -> None:
        self.only_absent = False
        self.problems.append(Problem(message, file=file.encode("utf-8", "backslashreplace").decode()))

    def named(self, root: Path) -> dict[str, Path]:
        """The files under their C2 names."""
        names: dict[str, Path] = {}
        folded: dict[str, str] = {}
        prefix = os.path.relpath(root, self._folder).replace(os.sep, "/")
        for relative, path in self._found.items():
            inner = relative if prefix == "." else relative.removeprefix(prefix + "/")
            name = unicodedata.normalize("NFC", inner)
            if reason := _unfit(name):
                self._problem(f"{self._shown(path)} has {reason} in its name", str(path))
                continue
            other = folded.setdefault(unicodedata.normalize("NFC", name.casefold()), name)
            if other != name or name in names:
                self._problem(f"{name} and {other} are one name where case or Unicode form doesn't count", str(path))
                continue
            names[name] = path
        return names


def _unfit(name: str) -> str | None:
    if "\\" in name:
        return "a backslash"
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        return "a control character"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
        return "bytes that are not UTF-8"
    return None


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symlink", stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device")
