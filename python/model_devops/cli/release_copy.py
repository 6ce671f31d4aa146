"""`release copy`: a release from store to store, by digest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.project import Project
    from model_devops.release.store import Stored


@click.command(help="Copy a release, by version or digest, with all that was said of it to another store.")
@file_option
@store_option
@click.option("--to", required=True, metavar="STORE", help="A folder, or oci://HOST/PATH.")
@click.argument("release")
def copy(file: Path, store: str | None, to: str, release: str) -> Result:
    """Its digest stays what it is; what the other store has is not sent again."""
    from model_devops.project import open_project
    from model_devops.release.lookup import find_release

    project = open_project(file, store=store)
    return copied(project, find_release(project.store, project.model.name, release), to)


def copied(project: Project, release: Stored, to: str) -> Result:
    """Copy it and say so."""
    from model_devops.building.summary import release_fields
    from model_devops.release.location import named_store
    from model_devops.release.transfer import copy_release

    target = named_store(project.model, to, folder=project.folder)
    new = copy_release(project.store, target, release)
    text = f"{project.model.name} {release.version} is in {target.location}"
    output.say(f"{text} ({len(new)} new entries)" if new else f"{text}, as it was")
    return Result(text, release=release_fields(release, target), location=target.location, new=new)
