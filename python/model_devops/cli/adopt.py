"""`adopt`: let an environment take releases from this repository (P4)."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, required_reason_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Let ENVIRONMENT take releases from this repository from now on.")
@click.argument("environment")
@file_option
@store_option
@required_reason_option
def command(environment: str, file: Path, store: str | None, reason: str) -> Result:
    """Adopt."""
    from model_devops.deploy.actor import acting
    from model_devops.deploy.notes import adopt
    from model_devops.deploy.open import open_wanted
    from model_devops.deploy.revision import Place
    from model_devops.policy.source import describe, read_policy
    from model_devops.project import open_project

    project = open_project(file, store=store)
    target = open_wanted(project, environment)
    policy = read_policy(project, environment, remembered=None, prerelease=False)
    first = Place(model=project.model.name, environment=environment, source=policy.source)
    old, new = adopt(target, first, reason, acting(project.build))
    summary = f"{project.model.name} {environment} takes releases from {describe(new)}"
    output.say(output.style(summary, "green") + (f" (before: {describe(old)})" if old != new else ", as before"))
    return Result(summary, environment=environment, changed=old != new)
