"""`unblock`: let a release that was rolled back return to an environment."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option
from model_devops.cli.seam import Result


@click.command(help="Let a release that was rolled back return to an environment.")
@click.argument("environment")
@click.option("--release", required=True, help="The version or release digest.")
@click.option("--reason", required=True, help="Why; kept by the environment.")
@click.option("--as", "as_name", help="Your name.")
@file_option
def command(environment: str, release: str, reason: str, as_name: str | None, file: Path) -> Result:
    """Lift a block (D8)."""
    from model_devops.deploy.notes import unblock
    from model_devops.policy.person import who
    from model_devops.project import open_project

    project = open_project(file)
    version = unblock(project, environment, release, reason, who(project.build, as_name).name)
    summary = f"{version} may return to {environment}"
    output.say(summary)
    return Result(summary, version=version, environment=environment)
