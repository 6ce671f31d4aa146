"""`model-devops verify`: the workspace, file or folder compared with a release or a digest list."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Compare the workspace with a release byte for byte, or a folder with a digest list.")
@click.argument("what", required=False, metavar="[RELEASE|PATH]")
@click.option(
    "--against", metavar="FILE", type=click.Path(path_type=Path), help="A digest list, as `hash --files` writes it."
)
@file_option
@store_option
def command(what: str | None, against: Path | None, file: Path, store: str | None) -> Result:
    """Verify."""
    from model_devops.building import verifying
    from model_devops.cli import output

    if against:
        count, name = verifying.with_list(Path(what or "."), against), str(against)
        release = None
    else:
        from model_devops.building.choose import choose
        from model_devops.project import open_project

        project = open_project(file, store=store)
        stored = choose(project, what)
        count, name = verifying.with_release(project, stored), f"{project.model.name} {stored.version}"
        release = {"version": stored.version, "digest": stored.digest, "name": project.model.name}
    text = f"{output.count(count, 'file')} as in {name}"
    output.say(output.style(text, "green"))
    return Result(text, release=release, files=count)
