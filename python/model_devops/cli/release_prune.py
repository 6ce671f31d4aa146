"""`release prune`: remove releases that nothing needs any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.deploy.retention import Judgement
    from model_devops.project import Project
    from model_devops.release.removing import Removal


@click.command(help="Say which releases nothing needs any more; with --delete, remove them.")
@file_option
@store_option
@click.option(
    "--last",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Keep so many of the highest final releases and of the newest pre-releases.",
)
@click.option(
    "--within",
    default="90d",
    show_default=True,
    metavar="DURATION",
    help="Keep what was verified in any environment since then, for example 30d.",
)
@click.option("--gone", multiple=True, metavar="ENVIRONMENT", help="An environment that is no more: it is not asked.")
@click.option("--delete", is_flag=True, help="Remove them; without it nothing changes.")
def prune(file: Path, store: str | None, last: int, within: str, gone: tuple[str, ...], delete: bool) -> Result:
    """What runs anywhere, a rollback could need, or has a tag that begins with `keep`, always stays."""
    from model_devops.config.durations import seconds
    from model_devops.deploy.retention import Rule, judge
    from model_devops.project import open_project
    from model_devops.release.removing import removal, remove

    project = open_project(file, store=store)
    judged = judge(project, Rule(last, seconds(within), gone))
    what = removal(project.store, judged.going, judged.kept, judged.others)
    images = _told(project, judged, what)
    if delete:
        for note in remove(project.store, what):
            output.warn(note)
    done = "removed" if delete else "would be removed (--delete does it)"
    with_images = f", with {output.count(len(images), 'image')}," if images else ""
    of = output.count(len(judged.found), "release")
    text = f"{len(what.releases)} of {of} of {project.model.name}{with_images} {done}"
    output.say(text)
    going = [one.version for one in what.releases]
    return Result(
        text,
        removed=going if delete else [],
        going=going,
        images=images,
        imagesLeft=what.left,
        kept=[{"version": one.release.version, "reasons": one.reasons} for one in judged.found if one.reasons],
        location=project.store.location,
    )


def _told(project: Project, judged: Judgement, what: Removal) -> list[str]:
    """Say what goes and why the rest stays; returns the references of the images that go."""
    rows = [(one.release.version, "stays" if one.reasons else "goes", "; ".join(one.reasons)) for one in judged.found]
    output.table([*reversed(rows)], ("release", "", "why"))
    home = project.store.images.home
    images = [f"{home.name}@{digest}" for digest in what.images if home]
    for reference in images:
        output.say(f"  image {reference} goes")
    for reference in what.left:
        output.say(f"  image {reference} is left: its repository isn't this store's own")
    return images
