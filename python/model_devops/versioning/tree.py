"""Whether the work tree is what its commit says, before anything is built from it (B6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from model_devops.adapters.git import Git
from model_devops.errors import Problem, RefusedError

#: Artifacts whose files must be in git: they decide what the release does.
WRITTEN = ("code", "params")


def refuse_dirty(
    git: Git,
    prefix: str,
    files: Mapping[str, Iterable[str]],
    artifact_of: Callable[[str], str | None],
    exempt: Callable[[str], bool],
) -> list[str]:
    """Refuse a tree that differs from its commit (B6); returns the ignored files of `code` and `params`, to be named.

    All paths are relative to the repository's root; `prefix` is the folder of model.yaml. `files` are those found,
    by artifact; `artifact_of` tells the artifact of a path by the patterns, also of one that is gone; `exempt` are
    outputs of `train` and parameters given at build time. Raises RefusedError (4) naming every file.
    """
    problems = [
        Problem(f"{artifact}: differs from the commit", file=path)
        for path in git.changed_files(prefix)
        if (artifact := artifact_of(path) or _of_submodule(path, files)) and not exempt(path)
    ]
    written = {path: name for name in WRITTEN for path in files.get(name, ()) if not exempt(path)}
    ignored = git.ignored(written)
    loose = written.keys() - git.tracked(written) - ignored
    problems += [Problem(f"{written[path]}: not in git, and not ignored", file=path) for path in sorted(loose)]
    if problems:
        raise RefusedError(
            "the work tree is not what its commit says",
            kind="dirty",
            problems=problems,
            hint="commit or undo the changes, or build the tree as it is: model-devops build --prerelease",
        )
    return sorted(ignored)


def _of_submodule(path: str, files: Mapping[str, Iterable[str]]) -> str | None:
    """The artifact that has files in a changed submodule, which git names as a whole."""
    inside = f"{path}/"
    return next((name for name, found in files.items() if any(file.startswith(inside) for file in found)), None)
