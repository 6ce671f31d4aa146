"""What a person may want hashed: an artifact by its name, or any file or folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.content.files import collect
from model_devops.errors import Problem, UsageError

if TYPE_CHECKING:
    from model_devops.config.load import Loaded


@dataclass(frozen=True)
class Subject:
    """Files under the names that their digest covers, and the ignore list that it covers."""

    name: str
    files: dict[str, Path]
    ignore: list[str]


def subjects(loaded: Loaded | None, wanted: list[str]) -> list[Subject]:
    """Artifacts of model.yaml and paths, as wanted; without any: all artifacts. All problems at once.

    The name of an artifact goes before a path of the same name: `./model` is the path. `ignore` of model.yaml
    counts for artifacts only, as their digests in a release cover it (C1).
    """
    from model_devops.config.views import artifact_patterns

    patterns = artifact_patterns(loaded.model) if loaded else {}
    found: list[Subject] = []
    problems: list[Problem] = []
    for name in wanted or list(patterns):
        try:
            if loaded and name in patterns:
                ignore = loaded.model.ignore
                found.append(Subject(name, collect(loaded.folder, patterns[name], ignore, name).files, ignore))
            else:
                found.append(Subject(name, path_files(Path(name), tuple(patterns)), []))
        except UsageError as error:
            problems.extend(error.problems or [Problem(error.message, hint=error.hint)])
    if problems:
        raise UsageError(problems[0].message, kind="content", problems=problems)
    return found


def path_files(path: Path, artifacts: tuple[str, ...] = ()) -> dict[str, Path]:
    """The files of a folder, relative to it, or one file by its name (C2)."""
    if path.is_dir():
        return _literal(path, "")
    if not path.is_symlink() and not path.exists():
        raise UsageError(
            f"there is no {path}",
            problems=[Problem(f"there is no {path}", allowed=artifacts, hint="name an artifact or a path that exists")],
        )
    return _literal(path.parent, path.name)


def _literal(folder: Path, name: str) -> dict[str, Path]:
    """A path is never a glob, whatever its name is."""
    from model_devops.content.naming import Names
    from model_devops.content.walk import Walk

    walk = Walk(folder, [])
    there = walk.add_literal(name)
    names = Names("")
    for relative, path in sorted(walk.found.items()):
        names.add(relative, path)
    problems = walk.problems + names.problems
    if not there:
        problems.append(Problem(f"{folder / name} holds no file", hint="empty folders have no content"))
    if problems:
        raise UsageError(problems[0].message, kind="content", problems=problems)
    return names.files
