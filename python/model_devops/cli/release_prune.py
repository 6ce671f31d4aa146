"""`release prune`: remove releases that nothing needs any more."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


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
    from model_devops.release.removing import remove

    project = open_project(file, store=store)
    found = judge(project, Rule(last, seconds(within), gone))
    going = [one.release for one in found if not one.reasons]
    rows = [(one.release.version, "stays" if one.reasons else "goes", "; ".join(one.reasons)) for one in found]
    output.table([*reversed(rows)], ("release", "", "why"))
    if delete and going:
        remove(project.store, going)
    done = "removed" if delete else "would be removed (--delete does it)"
    text = f"{len(going)} of {output.count(len(found), 'release')} of {project.model.name} {done}"
    output.say(text)
    kept = [{"version": one.release.version, "reasons": one.reasons} for one in found if one.reasons]
    return Result(
        text,
        removed=[one.version for one in going] if delete else [],
        going=[one.version for one in going],
        kept=kept,
        location=project.store.location,
    )
