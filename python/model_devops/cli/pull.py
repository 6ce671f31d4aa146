"""`pull`: the files of a release into a folder, verified."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Put the files of a release into a folder, every byte verified.")
@file_option
@store_option
@click.option("--artifact", "artifacts", multiple=True, metavar="NAME", help="Only this artifact; can be repeated.")
@click.argument("release")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
def command(file: Path, store: str | None, artifacts: tuple[str, ...], release: str, folder: Path | None) -> Result:
    """Pull. The folder is NAME-VERSION where none is given; files there are replaced, others stay."""
    from model_devops.building.summary import release_fields
    from model_devops.errors import UsageError
    from model_devops.project import open_project
    from model_devops.release.lookup import find_release

    project = open_project(file, store=store)
    chosen = find_release(project.store, project.model.name, release)
    if unknown := [name for name in artifacts if name not in chosen.record.layout]:
        allowed = ", ".join(chosen.record.layout)
        raise UsageError(f"{chosen.version} has no artifact {', '.join(unknown)}", hint=f"it has {allowed}")
    target = folder or Path(f"{project.model.name}-{chosen.version}")
    project.store.materialise(chosen, target, artifacts or None)
    text = f"the files of {project.model.name} {chosen.version} are in {target}"
    output.say(text)
    return Result(text, release=release_fields(chosen, project.store), path=str(target))
