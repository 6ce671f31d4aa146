"""`unlock`: take the lock of an environment from a run that holds it (D3)."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, required_reason_option, store_option
from model_devops.cli.seam import Result
from model_devops.errors import RefusedError


@click.command(help="Take the lock of ENVIRONMENT from a run that holds it. A run that is dead loses it by itself.")
@click.argument("environment")
@file_option
@store_option
@click.option("--force", is_flag=True, help="Needed: a run that is at work stops at its next write.")
@required_reason_option
def command(environment: str, file: Path, store: str | None, force: bool, reason: str) -> Result:
    """Unlock."""
    from model_devops.deploy.actor import acting
    from model_devops.deploy.notes import unlock
    from model_devops.deploy.open import open_known
    from model_devops.project import open_project

    project = open_project(file, store=store)
    target = open_known(project, environment)
    if not force:
        hint = "a dead run's lock is taken over by the next one; for one that is at work, add --force"
        raise RefusedError(f"{environment} was not unlocked", kind="not-forced", hint=hint)
    holder = unlock(target, environment, reason, acting(project.build))
    summary = f"{environment} was taken from {holder}" if holder else f"nobody holds {environment}"
    output.say(summary)
    return Result(summary, environment=environment, holder=holder, changed=holder is not None)
