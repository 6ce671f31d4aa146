"""`unblock`: let a release that was rolled back return to an environment."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, required_reason_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Let a release that was rolled back return to ENVIRONMENT.")
@click.argument("environment")
@file_option
@store_option
@click.option("--release", metavar="VERSION", help="Its version or digest; default: the only one that is blocked.")
@required_reason_option
def command(environment: str, file: Path, store: str | None, release: str | None, reason: str) -> Result:
    """Unblock."""
    from model_devops.deploy.actor import acting
    from model_devops.deploy.notes import unblock
    from model_devops.deploy.open import open_known
    from model_devops.project import open_project

    project = open_project(file, store=store)
    version = unblock(open_known(project, environment), environment, release, reason, acting(project.build))
    summary = f"{project.model.name} {version} may return to {environment}"
    output.say(output.style(summary, "green"))
    return Result(summary, environment=environment, version=version)
