"""`stop`: make an environment run nothing."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, reason_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Make ENVIRONMENT run nothing.")
@click.argument("environment")
@file_option
@store_option
@reason_option
def command(environment: str, file: Path, store: str | None, reason: str | None) -> Result:
    """Stop."""
    from model_devops.deploy.deploying import Stop
    from model_devops.deploy.open import open_known
    from model_devops.deploy.rollout import open_rollout
    from model_devops.deploy.summary import outcome_fields
    from model_devops.project import open_project

    project = open_project(file, store=store)
    target = open_known(project, environment)
    rollout = open_rollout(project, environment, target, output.say)
    with output.warning_of(rollout.notes):
        outcome = rollout.run(Stop(environment, reason))
    what = "runs nothing now" if outcome.changed else "ran nothing already"
    summary = f"{project.model.name} {environment} {what}"
    output.say(output.style(summary, "green"))
    return Result(
        summary,
        **outcome_fields(rollout, outcome),
    )
