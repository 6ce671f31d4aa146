"""The baseline: the release that runs in an environment, and what it reaches on today's test (T3, T4)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model_devops.building.recipe import read_recipe
from model_devops.config.durations import seconds
from model_devops.config.types import Test
from model_devops.errors import InterruptedBySignal, ModelDevopsError, RefusedError
from model_devops.project import Project
from model_devops.release.evidence import Tested
from model_devops.release.standing import latest
from model_devops.release.store import Store, Stored
from model_devops.testing import metrics as measured
from model_devops.testing.gates import NO_BASELINE, NOT_COMPARABLE, Baseline
from model_devops.testing.metrics import Metrics


@dataclass(frozen=True)
class Running:
    """What runs in an environment: `release`, `none` (it never had one) or `unknown`, with why."""

    state: str
    release: Stored | None = None
    message: str = ""


@dataclass(frozen=True)
class Subject:
    """What is tested, as far as a comparison depends on it."""

    release: Stored
    metrics: Metrics
    dataset: str | None
    test_code: str | None
    code_files: Mapping[str, Path]
    """Today's evaluation code: path relative to model.yaml's folder → file."""


def measure(
    project: Project, subject: Subject, environments: list[str], running: Callable[[str], Running]
) -> dict[str, Baseline]:
    """For each environment what its gates compare with. Never fails: what can't be compared says why (T4)."""
    done: dict[str, tuple[Metrics | None, str]] = {}
    found = {}
    for name in environments:
        here = running(name)
        if here.release is None:
            missing = NO_BASELINE if here.state == "none" else NOT_COMPARABLE
            found[name] = Baseline(name, missing=missing, message=here.message)
            continue
        if here.release.digest not in done:
            done[here.release.digest] = _values(project, subject, here.release)
        metrics, message = done[here.release.digest]
        found[name] = Baseline(name, metrics, here.release.version, here.release.digest, message=message)
    return found


def _values(project: Project, subject: Subject, baseline: Stored) -> tuple[Metrics | None, str]:
    """The baseline's metrics: its own test's where that was this test, else measured again."""
    if baseline.digest == subject.release.digest:
        return subject.metrics, "it is the release that runs there"
    assert project.model.test is not None
    recorded = _recorded(project.store, subject, baseline, project.model.test)
    if recorded is not None:
        return recorded, "measured when it was tested"
    if project.model.test.kubernetes is not None:
        why = "what was recorded of it is not of this test, and a test in a cluster measures no baseline again"
        return None, f"{baseline.version} can't be compared: {why}"
    try:
        return run_again(project, subject, baseline), "measured again with today's data and evaluation code"
    except InterruptedBySignal:
        raise
    except (ModelDevopsError, OSError) as error:
        return None, f"{baseline.version} could not be measured again: {error}"


def _recorded(store: Store, subject: Subject, baseline: Stored, test: Test) -> Metrics | None:
    """Recorded values, which count only with equal dataset, evaluation code, commands and kind of place (T4)."""
    newest = latest(store, baseline.digest, "tested")
    if len(newest) != 1:
        return None
    body = cast(Tested, newest[0].body)
    if (body.dataset, body.test_code) != (subject.dataset, subject.test_code) or not body.metrics:
        return None
    if (body.ran_in is None) != (test.kubernetes is None):  # on other machines
        return None
    return Metrics(body.metrics) if commands_of(store, baseline) == test.run else None


def commands_of(store: Store, release: Stored) -> list[str] | None:
    """The test commands that the release's recipe names; None where it names none or is out of reach."""
    try:
        test = read_recipe(store, release).get("test") or {}
    except (RefusedError, json.JSONDecodeError):
        return None
    run: list[str] | None = test.get("run")
    return run


def run_again(project: Project, subject: Subject, baseline: Stored) -> Metrics:
    """Measure the baseline: its own files and runtime, with today's dataset and evaluation code laid over.

    Raises RefusedError or UnreachableError where its bytes or its runtime are out of reach, or its run fails.
    """
    from model_devops.runtime.environment import for_release

    venv = for_release(project.store, baseline)
    with tempfile.TemporaryDirectory(prefix="model-devops-baseline-") as name:
        folder = Path(name)
        lay_out(project, subject, baseline, folder)
        return _run(project, baseline, folder, venv)


def lay_out(project: Project, subject: Subject, baseline: Stored, folder: Path) -> None:
    """Put the baseline's files into `folder`, today's dataset and evaluation code over them."""
    own = tuple(name for name in ("model", "code", "params", "dataset") if name in baseline.record.identity.artifacts)
    todays = "dataset" in subject.release.record.identity.artifacts
    project.store.materialise(baseline, folder, tuple(name for name in own if not (todays and name == "dataset")))
    if todays:
        project.store.materialise(subject.release, folder, ("dataset",))
    for path, file in subject.code_files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _run(project: Project, baseline: Stored, folder: Path, venv: Path | None) -> Metrics:
    from model_devops.runtime.commands import run_command
    from model_devops.runtime.surroundings import identity_of

    test = project.model.test
    assert test is not None
    measured.clear(folder / test.metrics)
    for command in test.run:
        finished = run_command(
            command, folder, environment=identity_of(baseline), venv=venv, timeout=seconds(test.timeout)
        )
        if not finished.ok:
            raise RefusedError(f"`{command}` {finished.explain()}")
    metrics = measured.read(folder / test.metrics)
    if metrics.problem:
        raise RefusedError(f"its metrics {metrics.problem}")
    return metrics
