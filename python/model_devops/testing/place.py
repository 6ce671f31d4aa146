"""Putting a release's files where the team's commands expect them, and the workspace back afterwards (B10).

Files that git tracks must be those of the release already: another commit is no place to test it. Outputs
that another build left are replaced. Everything else that is in the way (data that git does not hold,
parameters that were replaced at build time) is moved aside while the tests run and put back then; what a
killed run left aside is put back by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

from model_devops.adapters.files import locked
from model_devops.building.train import keep_folder
from model_devops.config.views import artifact_patterns, train_commands
from model_devops.content.files import collect
from model_devops.content.hashing import hash_files
from model_devops.errors import Problem, RefusedError, UsageError
from model_devops.project import Project
from model_devops.release.evidence import Built
from model_devops.release.store import Stored

#: The artifacts that commands find in the workspace; recipe and runtime are read from the store.
ARTIFACTS = ("model", "dataset", "code", "params")
Entry = tuple[str, int]


@dataclass(frozen=True)
class Difference:
    """How the workspace differs from one artifact of the release, by path relative to model.yaml's folder."""

    name: str
    wrong: set[str]
    """Files of the release that are missing here or have other bytes."""
    extra: set[str]
    """Files here that belong to the artifact by model.yaml, and are not in the release."""
    other: set[str]
    """Files that have another Unicode form on disk and are about to be written in that of the release."""
    paths: dict[str, Path]
    tracked: set[Path]
    """Those of the wrong and extra ones that git tracks."""


@contextlib.contextmanager
def in_place(project: Project, release: Stored) -> Iterator[None]:
    """Have exactly the release's files in the workspace. Refuses (4) where a tracked file differs."""
    aside = _aside_folder(project)
    with locked(aside.with_suffix(".lock")):
        put_back(aside, project.folder)
        differences = [_difference(project, release, name) for name in present(release)]
        free = _replaceable(project, release)
        _refuse_tracked(project, release, [item for item in differences if item.name not in free])
        try:
            _make_room(project, differences, aside)
            wrong = tuple(item.name for item in differences if item.wrong)
            if wrong:
                project.store.materialise(release, project.folder, wrong)
            yield
        finally:
            put_back(aside, project.folder)


def present(release: Stored) -> list[str]:
    """The artifacts of the release that lie in a workspace."""
    return [name for name in ARTIFACTS if name in release.record.identity.artifacts]


def changed(project: Project, release: Stored) -> list[str]:
    """Files of the release that are not in the workspace as they should be; the model's bytes are read again."""
    found = []
    for name in present(release):
        expected = _expected(project, release, name)
        entries = _hashed(_paths(project, name, expected), expected, cached=name != "model")
        found += [path for path, entry in expected.items() if entries.get(path) != entry]
    return sorted(found)


def put_back(aside: Path, folder: Path) -> None:
    """Move everything that was put aside back to its place."""
    for path in sorted(aside.rglob("*")) if aside.is_dir() else []:
        if not path.is_dir() or path.is_symlink():
            name = path.relative_to(aside).as_posix()
            target, same = folder / name, unicodedata.normalize("NFC", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if same != name:  # the release has it under its NFC name
                (folder / same).unlink(missing_ok=True)
            shutil.move(path, target)
    shutil.rmtree(aside, ignore_errors=True)


def _aside_folder(project: Project) -> Path:
    name = hashlib.sha256(str(project.loaded.path).encode()).hexdigest()[:16]
    return keep_folder(project) / f"test-{name}"


def _expected(project: Project, release: Stored, name: str) -> dict[str, Entry]:
    """The artifact's files by path relative to model.yaml's folder."""
    root = PurePosixPath(release.record.layout.get(name, ""))
    return {(root / path).as_posix(): entry for path, entry in project.store.files(release, name).items()}


def _paths(project: Project, name: str, expected: Iterable[str]) -> dict[str, Path]:
    """Where files lie, those of the release and those that are here: on disk a name may be in another Unicode form."""
    return {path: project.folder / path for path in expected} | _collected(project, name)


def _collected(project: Project, name: str) -> dict[str, Path]:
    """What model.yaml counts to the artifact here; nothing where it isn't here yet."""
    try:
        here = collect(project.folder, artifact_patterns(project.model)[name], project.model.ignore, name)
    except (UsageError, KeyError):
        return {}
    return {(PurePosixPath(here.root) / path).as_posix(): file for path, file in here.files.items()}


def _hashed(paths: Mapping[str, Path], names: Iterable[str], *, cached: bool = True) -> dict[str, Entry]:
    there = {name: paths[name] for name in names if paths[name].is_file() and not paths[name].is_symlink()}
    return hash_files(there, cached=cached)


def _difference(project: Project, release: Stored, name: str) -> Difference:
    expected = _expected(project, release, name)
    paths = _paths(project, name, expected)
    entries = _hashed(paths, expected)
    wrong = {path for path, entry in expected.items() if entries.get(path) != entry}
    extra = paths.keys() - expected.keys()
    other = {path for path, file in paths.items() if file != project.folder / path} if wrong else set()
    tracked = _tracked(project, [paths[path] for path in wrong | extra])
    return Difference(name, wrong, extra, other, paths, tracked)


def _tracked(project: Project, paths: list[Path]) -> set[Path]:
    if project.git is None or not paths:
        return set()
    names = {project.in_repository(path): path for path in paths}
    return {names[name] for name in project.git.tracked(names)}


def _replaceable(project: Project, release: Stored) -> set[str]:
    """Artifacts that may differ although git tracks them: outputs of `train`, parameters given at build time."""
    free = {"model"} if train_commands(project.model) else set()
    for item in project.store.evidence(release.digest, "built"):
        if cast(Built, item.body).parameters:
            free.add("params")
    return free


def _refuse_tracked(project: Project, release: Stored, differences: list[Difference]) -> None:
    problems = []
    for item in differences:
        for path in sorted(item.wrong | item.extra):
            if item.paths[path] in item.tracked:
                what = _what(item, path)
                problems.append(
                    Problem(f"{what} {item.name} of {release.version}", file=project.in_repository(item.paths[path]))
                )
    if problems:
        commit = release.record.commit
        raise RefusedError(
            f"the workspace is not what {release.version} was built from",
            kind="different",
            problems=problems,
            hint=f"check out {commit[:12]}, or test the release of this commit" if commit else "build this tree first",
        )


def _what(item: Difference, path: str) -> str:
    if path in item.extra:
        return "is not in"
    return "differs from" if item.paths[path].exists() else "is missing here, and in"


def _make_room(project: Project, differences: list[Difference], aside: Path) -> None:
    """Move away what is no output and would be overwritten or measured as well; outputs are replaced."""
    outputs = {"model"} if train_commands(project.model) else set()
    for item in differences:
        for path in sorted(item.wrong | item.extra | item.other):
            file = item.paths[path]
            if not (file.is_file() or file.is_symlink()):
                continue
            if item.name in outputs:
                file.unlink()
                continue
            target = aside / file.relative_to(project.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)
