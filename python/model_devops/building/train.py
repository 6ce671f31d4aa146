"""Making the model: run the train commands, or take the weights of a release of the same inputs (B5)."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from model_devops.building.inputs import Given, model_root
from model_devops.building.recipe import read_recipe, train_place
from model_devops.config.durations import seconds
from model_devops.config.types import Train
from model_devops.config.views import artifact_patterns, train_block, train_commands
from model_devops.content.files import Artifact, collect
from model_devops.errors import FailedError, RefusedError, UsageError
from model_devops.project import Project
from model_devops.release.standing import is_revoked
from model_devops.release.store import Stored

#: What must be equal for training to be skipped, beside the recipe's `train`, `trainIn` and the model's place (B5).
_DECISIVE = ("dataset", "code", "params", "runtime")


def same_training(project: Project, given: Given, candidates: list[Stored]) -> tuple[Stored | None, str | None]:
    """The highest of the final, unrevoked releases with equal training, and a note where it is out of reach."""
    note = None
    for stored in reversed(candidates):
        if not _equal(project, given, stored) or is_revoked(project.store, stored.record.identity):
            continue
        if project.store.has_bytes(stored):
            return stored, None
        note = f"{stored.version} was trained from the same inputs, but its model is out of reach: training again"
    return None, note


def _equal(project: Project, given: Given, stored: Stored) -> bool:
    inputs = stored.record.inputs.artifacts
    if any(inputs.get(name) != given.digests.get(name) for name in _DECISIVE):
        return False
    if stored.record.layout.get("model") != given.layout.get("model"):
        return False
    if inputs.get("recipe") == given.digests["recipe"]:
        return True
    try:
        recipe, model = read_recipe(project.store, stored), project.model
    except (RefusedError, OSError, ValueError, LookupError):
        return False  # its recipe is out of reach: train
    return recipe.get("train") == train_commands(model) and recipe.get("trainIn") == train_place(model)


def train(project: Project, given: Given, venv: Path | None, environment: dict[str, str]) -> None:
    """Run the train commands. Files that were at the model's place before don't count as their output.

    Raises FailedError naming the command; the model that was there before is put back then.
    """
    block = train_block(project.model)
    with _aside(project):
        if block and block.kubernetes:
            from model_devops.building.in_cluster import train_there

            failed = train_there(project, given, block, block.kubernetes, environment)
        else:
            failed = _train_here(project, block, venv, environment)
        if failed:
            raise FailedError(
                "training failed: `{}` {}".format(*failed),
                kind="train-failed",
                hint="the output above says why; nothing was released",
            )
        _require_output(project)


def _train_here(
    project: Project, block: Train | None, venv: Path | None, environment: dict[str, str]
) -> tuple[str, str] | None:
    """The command that failed, and how; None where none did."""
    from model_devops.runtime.commands import run_command

    end = time.monotonic() + seconds(block.timeout) if block else None
    for command in train_commands(project.model):
        left = None if end is None else max(end - time.monotonic(), 0.001)
        finished = run_command(command, project.folder, environment=environment, venv=venv, timeout=left)
        if not finished.ok:
            return command, finished.explain()
    return None


def _require_output(project: Project) -> None:
    try:
        made = _collected(project)
    except UsageError as error:
        raise FailedError(
            f"training ended without a model: {error.message}",
            kind="no-model",
            problems=error.problems,
            hint="let `train` write what artifacts.model names",
        ) from error
    expected = model_root(artifact_patterns(project.model)["model"])
    if made.root != expected:
        raise FailedError(
            f"training made a folder of what artifacts.model names as a file: {made.root}",
            kind="no-model",
            hint=f"write it with a slash at its end: model: {made.root}/",
        )


def collect_model(project: Project) -> dict[str, Path]:
    """The model's files as they are in the workspace."""
    return _collected(project).files


def _collected(project: Project) -> Artifact:
    patterns = artifact_patterns(project.model)["model"]
    return collect(project.folder, patterns, project.model.ignore, "model")


@contextlib.contextmanager
def _aside(project: Project) -> Iterator[None]:
    """Move old outputs away while training runs; put them back if it fails, or was killed last time."""
    folder = keep_folder(project) / ("model-" + hashlib.sha256(str(project.loaded.path).encode()).hexdigest()[:16])
    if folder.exists():
        _move_back(folder, project.folder)
    for path in _old_outputs(project):
        target = folder / path.relative_to(project.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    try:
        yield
    except BaseException:
        _move_back(folder, project.folder)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _old_outputs(project: Project) -> list[Path]:
    """Files at the model's place that git does not hold."""
    try:
        files = list(collect_model(project).values())
    except UsageError:
        return []
    if project.git is None:
        return files
    names = {project.in_repository(file): file for file in files}
    tracked = project.git.tracked(names)
    return [file for name, file in names.items() if name not in tracked]


def _move_back(folder: Path, home: Path) -> None:
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        if path.is_file():
            target = home / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
    shutil.rmtree(folder, ignore_errors=True)


def keep_folder(project: Project) -> Path:
    """Where originals are kept while a build replaces them: beside git's own files."""
    return (project.git.common_dir if project.git else project.folder / ".model-devops") / "model-devops"
