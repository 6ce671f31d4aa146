"""Checks before anything is built: the team's own commands, and the model where its weights are in the repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from model_devops.config.views import check_block, train_commands
from model_devops.content.files import collect_all
from model_devops.errors import FailedError, Problem
from model_devops.project import Project
from model_devops.testing import junit, reports

#: A test case with the problems that it found.
Judged = tuple[junit.Case, list[Problem]]


@dataclass
class Checked:
    """What was checked. `reports` are for the result document."""

    cases: list[junit.Case]
    reports: list[dict[str, str]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def check(project: Project) -> Checked:
    """Run all checks, and report all failures at once. Raises FailedError (3); UsageError for artifacts."""
    from model_devops.runtime.project import for_project

    trained = bool(train_commands(project.model))
    artifacts = collect_all(project.loaded, absent_ok={"model"} if trained else set())
    here = for_project(project)
    with reports.log(project, "check") as log:
        judged = _commands(project, here.venv, log)
    if "model" in artifacts:
        judged += _model(project, artifacts["model"].files)
    cases = [case for case, _ in judged]
    written = reports.write(project, "check", junit.dumps(project.model.name, [junit.Suite("checks", cases)]))
    problems = [problem for _, found in judged for problem in found]
    if problems:
        raise FailedError(
            f"{sum(bool(found) for _, found in judged)} of {len(cases)} checks failed: {problems[0].message}",
            kind="check",
            problems=problems,
            details={"reports": written},
        )
    return Checked(cases, written, here.differences)


def _commands(project: Project, venv: Path | None, log: TextIO) -> list[Judged]:
    from model_devops.runtime.commands import run_command

    cases: list[Judged] = []
    told = {"MODEL_DEVOPS_NAME": project.model.name, "MODEL_DEVOPS_COMMIT": project.commit or ""}
    for command in check_block(project.model).run:
        done = run_command(command, project.folder, environment=told, venv=venv, log=log)
        failure = None if done.ok else f"`{command}` {done.explain()}"
        case = junit.Case(command, failure, None, done.output_tail, done.seconds)
        cases.append((case, [Problem(failure)] if failure else []))
    return cases


def _model(project: Project, files: dict[str, Path]) -> list[Judged]:
    """One case for each file of the model."""
    from model_devops.checks.model import check_model

    problems = check_model(files, check_block(project.model).allow)
    cases: list[Judged] = []
    for name, path in files.items():
        found = [problem for problem in problems if problem.file == str(path)]
        failure = "; ".join(problem.message for problem in found) or None
        cases.append((junit.Case(f"model {name}", failure and f"{name} {failure}"), found))
    rest = [problem for problem in problems if problem.file not in {str(path) for path in files.values()}]
    return cases + [(junit.Case("model", problem.message), [problem]) for problem in rest]
