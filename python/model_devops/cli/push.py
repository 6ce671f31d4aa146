"""`push`: a release with its evidence to another store."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Copy a release with all that was said of it to another store.")
@file_option
@store_option
@click.option("--to", required=True, metavar="STORE", help="A folder, or oci://HOST/PATH.")
@click.argument("release", required=False)
def command(file: Path, store: str | None, to: str, release: str | None) -> Result:
    """Push."""
    from model_devops.building.choose import choose
    from model_devops.building.summary import release_fields
    from model_devops.project import open_project
    from model_devops.release.location import named_store
    from model_devops.release.transfer import copy_release

    project = open_project(file, store=store)
    chosen = choose(project, release)
    target = named_store(project.model, to, folder=project.folder)
    new = copy_release(project.store, target, chosen)
    text = f"{project.model.name} {chosen.version} is in {target.location}"
    output.say(f"{text} ({len(new)} new entries)" if new else f"{text}, as it was")
    return Result(text, release=release_fields(chosen), location=target.location, new=new)
