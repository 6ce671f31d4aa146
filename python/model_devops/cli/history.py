"""`history`: what ran in an environment, and how often it changes."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="List what ran in an environment, and how often it changes.")
@click.argument("environment")
@file_option
@store_option
def command(environment: str, file: Path, store: str | None) -> Result:
    """Show all revisions and ΔV."""
    from model_devops.deploy.history import history, spoken
    from model_devops.project import open_project

    found = history(open_project(file, store=store), environment)
    rows = [
        (
            item.number,
            item.version or "-",
            item.action,
            item.status,
            (item.release or "")[7:19],
            item.started[:19].replace("T", " "),
            item.by or "",
            spoken(found.delta(item)),
            ",".join(item.proof),
            item.reason or item.failure or "",
        )
        for item in found.revisions
    ]
    headers = ("#", "version", "action", "status", "digest", "started", "by", "ΔV", "proof", "why")
    output.table(rows, headers)
    for note in found.notes:
        output.say(f"{note.action} after revision {note.revision}, by {note.by or 'unknown'}: {note.reason}")
    pace = found.cadence
    summary = f"{environment}: {len(pace.promotions)} promotions"
    if pace.n:
        summary += f", ΔV median {spoken(pace.median)}, mean {spoken(pace.mean)} (n={pace.n})"
    output.say(summary)
    return Result(summary, **found.as_dict())
