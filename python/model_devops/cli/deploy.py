"""`deploy`: roll a release out to an environment and prove what runs."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, reason_option, release_option, store_option
from model_devops.cli.seam import Result
from model_devops.errors import Together


@click.command(help="Roll a release out to ENVIRONMENT and prove what runs.")
@click.argument("environment")
@file_option
@store_option
@release_option
@reason_option
def command(environment: str, file: Path, store: str | None, release: str | None, reason: str | None) -> Result:
    """Deploy."""
    from model_devops.adapters.paths import refuse_unwritable
    from model_devops.building.choose import choose
    from model_devops.building.summary import release_fields
    from model_devops.deploy.deploying import Deploy
    from model_devops.deploy.open import open_wanted
    from model_devops.deploy.rollout import open_rollout
    from model_devops.deploy.summary import outcome_fields, told
    from model_devops.project import open_project

    project = open_project(file, store=store)
    refuse_unwritable()  # else the store, which is looked for elsewhere then, would lack the release
    with Together() as ask:
        target = ask(lambda: open_wanted(project, environment))
        chosen = ask(lambda: choose(project, release))
    rollout = open_rollout(project, environment, target, output.say)
    with output.warning_of(rollout.notes):
        outcome = rollout.run(Deploy(project, environment, chosen, reason))
    summary = told(project.model.name, environment, outcome)
    output.say(output.style(summary, "green"))
    return Result(
        summary,
        release=release_fields(chosen, rollout.store),
        **outcome_fields(rollout, outcome),
    )
