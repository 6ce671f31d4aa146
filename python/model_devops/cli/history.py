"""`history`: what ran in an environment, and how often it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.deploy.history import Row

HEADERS = ["rev", "version", "digest", "what", "status", "who", "when", "why", "proof", "evidence", "ΔV"]


@click.command(help="List what ran in ENVIRONMENT, newest first, and how often it changes (ΔV).")
@click.argument("environment")
@file_option
@store_option
def command(environment: str, file: Path, store: str | None) -> Result:
    """History."""
    from dataclasses import asdict

    from model_devops.deploy.history import history
    from model_devops.deploy.open import open_known
    from model_devops.deploy.stores import as_kept
    from model_devops.project import open_project

    project = open_project(file, store=store)
    target = open_known(project, environment)
    found = history(as_kept(project, target).store, environment, target.revisions())
    output.table([_cells(row) for row in found.rows], HEADERS)
    often = found.cadence
    if often.median is not None:
        output.say(f"ΔV: median {_span(often.median)}, mean {_span(often.mean)}, n = {often.n}")
    summary = f"{project.model.name} {environment}: {output.count(len(found.rows), 'revision')}"
    return Result(
        summary, environment=environment, history=[asdict(row) for row in found.rows], cadence=often.as_dict()
    )


def _cells(row: Row) -> list[object]:
    release = row.release.removeprefix("sha256:")[:12] if row.release else None
    when = (row.when or "").replace("T", " ")[:19]
    why = (row.why or "")[:60]
    shown = ", ".join(dict.fromkeys(one.text for one in row.basis))
    proof = ", ".join(row.proof)
    status = "broken" if row.broken else row.status
    return [
        row.revision, row.version, release, row.action, status, row.by, when, why, proof, shown, _span(row.delta)
    ]  # fmt: skip


def _span(seconds: float | None) -> str:
    """Seconds for people: the two largest units."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if hours < 1:
        return f"{int(minutes)} min {int(seconds % 60)} s"
    return f"{int(hours)} h {int(minutes % 60)} min" if days < 1 else f"{int(days)} d {int(hours % 24)} h"
