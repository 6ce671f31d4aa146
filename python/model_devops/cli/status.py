"""`status`: what runs where, and whether it still is what was deployed."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Say what runs where, and whether it still is what was deployed (4 where it is not).")
@click.argument("environments", nargs=-1)
@file_option
@store_option
def command(environments: tuple[str, ...], file: Path, store: str | None) -> Result:
    """Show one or all environments; ends with 4 (kind `drift`) where what runs differs from the record."""
    from model_devops.deploy.status import status
    from model_devops.errors import Problem, RefusedError
    from model_devops.project import open_project

    project = open_project(file, store=store)
    found = [status(project, name) for name in environments or sorted(project.model.environments)]
    rows = [
        (
            item.environment,
            item.revision.version if item.revision and item.revision.version else "-",
            item.revision.number if item.revision else "",
            "differs" if item.drift else "ready" if item.observation.ready else "nothing runs",
            ",".join(item.revision.proof) if item.revision else "",
            item.observation.detail,
        )
        for item in found
    ]
    output.table(rows, ("environment", "version", "#", "state", "proof", "detail"))
    for item in found:
        for note in item.notes:
            output.warn(f"{item.environment}: {note}")
    documents = [item.as_dict() for item in found]
    problems = [Problem(f"{item.environment}: {line}") for item in found for line in item.drift]
    if problems:
        raise RefusedError(
            f"what runs differs from what was deployed: {problems[0].message}",
            kind="drift",
            problems=problems,
            hint="`model-devops deploy` of the same release proves it again and mends it",
            details={"environments": documents},
        )
    running = [f"{row[0]} {row[1]}" for row in rows]
    return Result("; ".join(running) or "no environments", environments=documents)
