"""`build`: make a release from this commit, or return the one that stands for it."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, reason_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Make a release from this commit, or return the one that stands for it.")
@file_option
@store_option
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Replace a value in the params file.")
@click.option("--prerelease", is_flag=True, help="Build the tree as it is; claim no version.")
@click.option("--force", is_flag=True, help="Train anew although an equal release stands.")
@click.option("--at-least", type=click.Choice(["patch", "minor", "major"]), help="Raise the level; needs --reason.")
@reason_option
def command(
    file: Path,
    store: str | None,
    params: tuple[str, ...],
    prerelease: bool,
    force: bool,
    at_least: str | None,
    reason: str | None,
) -> Result:
    """Build."""
    from model_devops.building.flow import Building, Options
    from model_devops.building.params import parse
    from model_devops.building.summary import release_fields
    from model_devops.project import open_project

    if at_least and not (reason and reason.strip()):
        raise click.UsageError("--at-least needs a --reason, which is recorded")
    project = open_project(file, store=store)
    options = Options(prerelease, force, parse(params), at_least, reason)
    building = Building(project, options)
    with output.warning_of(building.notes):
        outcome = building.run()
    release = outcome.release
    verb = "built" if outcome.new else "nothing new: this is"
    output.say(f"{output.style(verb, 'green')} {project.model.name} {release.version}  {release.digest[:19]}")
    for reason_ in release.record.reasons if outcome.new else []:
        output.say(f"  {reason_.level}: {reason_.text}")
    if release.record.is_prerelease:
        output.say(f"  no version is claimed: {outcome.why}")
    if release.record.image:
        output.say(f"  image {project.store.images.located(release.record.image).reference}")
    summary = f"{project.model.name} {release.version}" + ("" if outcome.new else " (unchanged)")
    return Result(
        summary,
        release=release_fields(release, project.store),
        version=release.version,
        digest=release.digest,
        new=outcome.new,
        trained=outcome.trained,
        why=outcome.why,
        reports=outcome.reports,
    )
