"""Which files make an artifact (C2)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.content.naming import Names, normal
from model_devops.content.walk import Walk, is_glob, on_disk, parts
from model_devops.errors import Problem, UsageError

if TYPE_CHECKING:
    from model_devops.config.load import Loaded


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
        problems = list(dict.fromkeys(problems))
        raise UsageError("the artifacts can't be collected", kind="artifacts", problems=problems)
    return found


def collect(folder: Path, patterns: Sequence[str], ignore: Sequence[str], name: str) -> Artifact:
    """The files that these paths or globs name, relative to model.yaml's folder (C2).

    Raises UsageError with a problem for each: a symlink, socket or device; a name that can't be written as C2 wants;
    two names that are equal under case folding; a path that leaves the folder; a pattern that matches nothing
    (kind `no-match` where that is all that is wrong).
    """
    walk = Walk(folder, ignore)
    absent = []
    for pattern in patterns:
        if not walk.add(pattern):
            hint = f"artifacts.{name} in model.yaml names it, and what `ignore` matches doesn't count"
            absent.append(Problem(f"{name}: {pattern} matches no file", hint=hint))
    root = _root(folder, patterns)
    names = Names(root)
    for relative, path in sorted(walk.found.items()):
        names.add(relative, path)
    problems = [*absent, *walk.problems, *names.problems]
    if problems:
        kind = "artifacts" if len(problems) > len(absent) else "no-match"
        raise UsageError(f"{name}: {problems[0].message.removeprefix(f'{name}: ')}", kind=kind, problems=problems)
    return Artifact(name, root, names.files)


def _root(folder: Path, patterns: Sequence[str]) -> str:
    """A single folder is its artifact's root, so that its name is no part of the content."""
    if len(patterns) != 1 or is_glob(patterns[0]):
        return ""
    steps = parts(patterns[0]) or []
    found = on_disk(folder, steps)
    if found is None or not stat.S_ISDIR(os.lstat(found).st_mode):
        return ""
    return normal("/".join(steps))
