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
    from model_devops.policy.person import person
    from model_devops.policy.source import read_policy, shown
    from model_devops.project import open_project

    project = open_project(file)
    source = read_policy(project, environment).source
    before = adopt(project, environment, source, reason, person(project.build, as_name)[0])
    summary = f"{environment} takes releases from {shown(source)}, no longer from {shown(before)}"
    output.say(summary)
    return Result(summary, environment=environment)
