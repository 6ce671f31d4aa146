"""`push`: a release with its evidence to another store."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Copy a release with all that was said of it to another store.")
@file_option
@store_option
@click.option("--to", required=True, metavar="STORE", help="A folder, or oci://HOST/PATH.")
@click.argument("release", required=False)
def command(file: Path, store: str | None, to: str, release: str | None) -> Result:
    """As `release copy`, for the release of this build where none is named (B9)."""
    from model_devops.building.choose import choose
    from model_devops.cli.release_copy import copied
    from model_devops.project import open_project

    project = open_project(file, store=store)
    return copied(project, choose(project, release), to)
