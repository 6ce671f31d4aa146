"""Whether files are what a release or a digest list says: every byte is read, every difference named."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from model_devops.content.compare import compare
from model_devops.content.hashing import hash_files
from model_devops.errors import Problem, RefusedError, UsageError

if TYPE_CHECKING:
    from model_devops.content.digest import Entry
    from model_devops.project import Project
    from model_devops.release.store import Stored

_FROM_STORE = ("recipe", "runtime")
"""Made by the build: what they were made from is compared instead."""
_WRITTEN = {"recipe": "what model.yaml says of train, test and serve", "runtime": "the requirements as written"}


def with_list(path: Path, against: Path) -> int:
    """Compare a folder or file with a digest list. Returns the number of files; refuses (4, `differs`) otherwise."""
    from model_devops.content import lists
    from model_devops.content.subjects import path_files

    expected: dict[str, Entry] = {name: (sha256, 0) for name, sha256 in lists.load(against).items()}
    files = {name: file for name, file in path_files(path).items() if file.absolute() != against.absolute()}
    found = {name: (entry[0], 0) for name, entry in hash_files(files, cached=False).items()}
    _refuse(compare(expected, found).lines(), str(against), "get the files again, or find out who changed them")
    return len(found)


def with_release(project: Project, release: Stored) -> int:
    """Compare the workspace's artifacts with a release's. Returns the number of files.

    Refuses (4, kind `differs`) naming each changed, missing and added file of all artifacts. Of the runtime, the
    requirements as written are compared; of the recipe, what model.yaml says now.
    """
    record = release.record
    lines: list[str] = []
    count = 0
    for name, root in record.layout.items():
        if name in _FROM_STORE:
            continue
        expected = project.store.files(release, name)
        difference = compare(_at(root, expected), _here(project, name))
        lines += [f"{name}: {line}" for line in difference.lines()]
        count += len(expected)
    if list(record.ignore) != list(project.model.ignore):
        lines.append("changed: `ignore` of model.yaml")
    lines += _inputs(project, release)
    hint = f"`git checkout {record.commit[:12]}` has what it was built from" if record.commit else None
    _refuse(lines, f"{project.model.name} {release.version}", hint)
    return count


def _at(root: str, entries: dict[str, Entry]) -> dict[str, Entry]:
    return {(PurePosixPath(root) / path).as_posix(): entry for path, entry in entries.items()}


def _here(project: Project, name: str) -> dict[str, Entry]:
    """The artifact's files in the workspace; none where nothing of it is there. Other problems are raised (2)."""
    from model_devops.config.views import artifact_patterns
    from model_devops.content.files import collect

    patterns = artifact_patterns(project.model).get(name)
    try:
        found = collect(project.folder, patterns, project.model.ignore, name) if patterns else None
    except UsageError as error:
        if error.kind != "no-match":
            raise
        return {}
    return _at(found.root, hash_files(found.files, cached=False)) if found else {}


def _inputs(project: Project, release: Stored) -> list[str]:
    """What the build made itself, by what it was made from."""
    from model_devops.building.inputs import included_files
    from model_devops.building.recipe import recipe_bytes
    from model_devops.config.views import runtime_block
    from model_devops.content.digest import digest

    record, lines = release.record, []
    recipe = recipe_bytes(project.model, record.layout)
    here = {"recipe": {"recipe.json": (hashlib.sha256(recipe).hexdigest(), len(recipe))}}
    runtime = runtime_block(project.model)
    if runtime or "runtime" in record.inputs.artifacts:
        written = _here(project, "runtime")
        here["runtime"] = written | (hash_files(included_files(project), cached=False) if written else {})
    for name, entries in here.items():
        if record.inputs.artifacts.get(name) != digest(entries, record.ignore):
            lines.append(f"{name}: changed: {_WRITTEN[name]}")
    return lines


def _refuse(lines: list[str], name: str, hint: str | None) -> None:
    if lines:
        raise RefusedError(
            f"{len(lines)} difference(s) from {name}",
            kind="differs",
            problems=[Problem(line) for line in lines],
            hint=hint,
            details={"differences": lines},
        )
