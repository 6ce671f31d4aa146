"""Whether the workspace is what the commit says (B6), so that a version names what git holds."""

from __future__ import annotations

import os
from fnmatch import fnmatch

from model_devops.building.inputs import Given, included_files
from model_devops.config.views import artifact_patterns, train_commands
from model_devops.errors import Problem, RefusedError
from model_devops.project import Project


def differences(project: Project, given: Given, *, params_replaced: bool) -> tuple[list[Problem], list[str]]:
    """Files that differ from the commit, and ignored files of code or params that git doesn't hold.

    Outputs of `train` and parameters given at build time aside. Empty without a repository.
    """
    git = project.git
    if git is None:
        return [], []
    files = _artifact_files(project, given, params_replaced)
    everything = {path for paths in files.values() for path in paths} | {project.path}
    changed = set(git.changed_files())
    problems = [Problem("differs from the commit", file=path) for path in sorted(everything & changed)]
    problems += [
        Problem("is a submodule that differs from the commit", file=path, hint=f"git submodule update {path}")
        for path in sorted(changed - everything)
        if any(file.startswith(f"{path}/") for file in everything)
    ]
    problems += [
        Problem("is in the commit, and not here", file=path)
        for path in sorted(changed - everything)
        if _is_missing(project, path, params_replaced)
    ]
    watched = {path for name in ("code", "params", "package") for path in files.get(name, ())} | {project.path}
    for path in sorted(git.untracked_not_ignored(watched)):
        problems.append(Problem("is not in git", file=path, hint=f"git add {path}"))
    return problems, sorted(git.ignored(watched))


def _artifact_files(project: Project, given: Given, params_replaced: bool) -> dict[str, set[str]]:
    artifacts = {
        name: {project.in_repository(file) for file in item.files.values()} for name, item in given.artifacts.items()
    }
    if train_commands(project.model):
        artifacts.pop("model", None)
    if params_replaced:
        artifacts.pop("params", None)
    return artifacts | {"included": _included(project), "package": _dockerfile(project)}


def _dockerfile(project: Project) -> set[str]:
    """The Dockerfile is part of the recipe (B1)."""
    package = project.model.package
    return {project.in_repository(project.folder / package.dockerfile)} if package and package.dockerfile else set()


def _included(project: Project) -> set[str]:
    """Files that the requirements include (B3). What lies outside of the repository is in no commit."""
    assert project.git is not None
    root = project.git.root.resolve()
    files = [file for file in included_files(project).values() if file.resolve().is_relative_to(root)]
    return {project.in_repository(file) for file in files}


def _is_missing(project: Project, path: str, params_replaced: bool) -> bool:
    """Whether a changed path is an artifact's file that was deleted here: no collected file shows that."""
    assert project.git is not None
    file = project.git.root / path
    if os.path.lexists(file):
        return False
    patterns = dict(artifact_patterns(project.model))
    for name, left_out in (("model", bool(train_commands(project.model))), ("params", params_replaced)):
        if left_out:
            patterns.pop(name, None)
    relative = os.path.relpath(file, project.folder).replace(os.sep, "/")
    return any(_names(pattern, relative) for names in patterns.values() for pattern in names)


def _names(pattern: str, path: str) -> bool:
    plain = os.path.normpath(pattern).replace(os.sep, "/")
    return plain in (".", path) or path.startswith(plain + "/") or fnmatch(path, pattern)


def refuse_different(problems: list[Problem]) -> None:
    """Refuse a build whose tree is not its commit's (4), with the way to build it as it is."""
    if problems:
        raise RefusedError(
            "the workspace is not what its commit says",
            kind="dirty",
            problems=problems,
            hint="commit these files, or build the tree as it is with --prerelease",
        )
