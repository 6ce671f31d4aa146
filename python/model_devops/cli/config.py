"""`model-devops config`: the configuration that is in force."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli.groups import Group
from model_devops.cli.options import file_option
from model_devops.cli.seam import Result


@click.group(cls=Group)
def command() -> None:
    """Show the configuration that is in force."""


@command.command()
@file_option
def show(file: Path) -> Result:
    """Print model.yaml with every default, after checking it."""
    from model_devops.cli import output
    from model_devops.config import dump
    from model_devops.config.load import load

    loaded = load(file)
    document = dump.effective(loaded.document)
    output.say(dump.to_yaml(document).rstrip())
    # A list, since not every reader of JSON keeps the order of an object's keys.
    known = document.get("environments", {})
    places = [{"name": name, "prereleases": place["prereleases"]} for name, place in known.items()]
    return Result(f"{file} is in order", file=str(loaded.path), config=document, environments=places)
