"""`runtime`: make the virtual environment that the team's commands run in."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, release_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Make the virtual environment of the team's commands, and print where it is.")
@file_option
@store_option
@release_option
def command(file: Path, store: str | None, release: str | None) -> Result:
    """Runtime."""
    from model_devops.building.choose import choose
    from model_devops.project import open_project
    from model_devops.runtime.environment import for_release
    from model_devops.runtime.project import for_project

    project = open_project(file, store=store)
    if release is None:
        found = for_project(project)
        venv, differences = found.venv, found.differences
    else:
        venv, differences = for_release(project.store, choose(project, release)), []
    for difference in differences:
        output.warn(f"runtime as it is here: {difference}")
    if venv is None:
        output.say("the team's commands run in what is there")
        return Result("commands run in what is there", path=None, differences=differences)
    output.say(str(venv))
    return Result(f"runtime in {venv}", path=str(venv), differences=differences)
