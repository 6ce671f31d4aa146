"""`adopt`: let an environment take releases from this repository."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option
from model_devops.cli.seam import Result


@click.command(help="Let an environment take releases from this repository.")
@click.argument("environment")
@click.option("--reason", required=True, help="Why; kept by the environment.")
@click.option("--as", "as_name", help="Your name.")
@file_option
def command(environment: str, reason: str, as_name: str | None, file: Path) -> Result:
    """Change where an environment's policy comes from (P4)."""
    from model_devops.deploy.notes import adopt
    from model_devops.policy.person import who
    from model_devops.policy.source import describe, read_policy
    from model_devops.project import open_project

    project = open_project(file)
    source = read_policy(project, environment, remembered=None, prerelease=False).source
    before = adopt(project, environment, source, reason, who(project.build, as_name).name)
    summary = f"{environment} takes releases from {describe(source)}, no longer from {describe(before)}"
    output.say(summary)
    return Result(summary, environment=environment)
