"""`check`: the code before anything is built, and the model where its weights are in the repository."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Check the code, and the model where its weights are here, before anything is built.")
@file_option
@store_option
def command(file: Path, store: str | None) -> Result:
    """Check."""
    from model_devops.project import open_project
    from model_devops.testing.check import check

    project = open_project(file, store=store)
    checked = check(project)
    for difference in checked.differences:
        output.warn(f"runtime as it is here: {difference}")
    for case in checked.cases:
        output.say(f"{output.style('passed', 'green')} {case.name}")
    text = f"{project.model.name}: {len(checked.cases)} checks passed"
    if not checked.cases:
        output.say("there is nothing to check: add `check:` to model.yaml")
    return Result(text, reports=checked.reports, checks=[case.name for case in checked.cases])
