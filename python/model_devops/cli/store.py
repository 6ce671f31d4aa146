"""`store`: where releases lie, taking over another store, and vouching for what it doesn't know."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.groups import Group
from model_devops.cli.options import as_option, file_option, required_reason_option, store_option
from model_devops.cli.seam import Result


@click.group(cls=Group, help="Show, join and accept what the store of releases holds.")
def command() -> None:
    """Group of the sub-verbs."""


@command.command(help="Say where this model's releases lie and what is there.")
@file_option
@store_option
def show(file: Path, store: str | None) -> Result:
    """Place, releases, statements, bytes, damage."""
    from model_devops.project import open_project

    project = open_project(file, store=store)
    found = project.store
    problems = found.problems()
    releases, statements = len(found.releases()), len(found.evidence()) if not problems else None
    output.say(found.location)
    words = "unknown statements" if statements is None else output.count(statements, "statement")
    output.say(f"  {output.count(releases, 'release')}, {words} of {project.model.name}")
    for problem in problems:
        output.warn(problem)
    return Result(
        f"{output.count(releases, 'release')} in {found.location}",
        location=found.location,
        releases=releases,
        statements=statements,
        problems=problems,
    )


@command.command(help="Vouch for a release whose build this store has no word of.")
@file_option
@store_option
@required_reason_option
@as_option
@click.argument("release")
def accept(file: Path, store: str | None, reason: str, as_: str | None, release: str) -> Result:
    """Recorded as evidence of kind `accepted` (S7)."""
    from model_devops.building.choose import named
    from model_devops.building.summary import release_fields
    from model_devops.policy.person import who
    from model_devops.project import open_project
    from model_devops.release.acts import accept as accept_release

    project = open_project(file, store=store)
    found = named(project, release)
    item = accept_release(project.store, found, who(project.build, as_), reason, project.build.url)
    output.say(f"accepted: {found.record.name} {found.version}: {reason}")
    output.say("  What other stores know of it, a revocation for example, is not known here.")
    return Result(
        f"{found.record.name} {found.version} accepted: {reason}",
        release=release_fields(found, project.store),
        statement=item.digest,
    )


@command.command(help="Take over all that another store holds: a folder, with one model's store or several.")
@file_option
@store_option
@click.argument("old", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
def join(file: Path, store: str | None, old: Path) -> Result:
    """Nothing is taken where a version means something else in each. The other store stays as it is."""
    from model_devops.adapters.ci import detect
    from model_devops.adapters.git import open_git
    from model_devops.config.load import load
    from model_devops.release.joining import join_stores
    from model_devops.release.location import locate, remember

    loaded = load(file)
    git = open_git(loaded.folder)
    place = locate(loaded.model, git, store, folder=loaded.folder, fork=detect().fork)
    taken = join_stores(place, loaded.model, old)
    if git is not None:
        remember(place, git)
    entries = output.count(len(taken), "entry", "entries")
    output.say(f"taken from {old} to {place.root}: {entries}")
    return Result(f"{entries} taken from {old}", taken=taken, location=str(place.root))
