"""`status`: what runs where, and whether it still is what was deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result
from model_devops.errors import Problem, RefusedError

if TYPE_CHECKING:
    from model_devops.deploy.revision import Revision
    from model_devops.deploy.status import Status


@click.command(help="Say what runs in ENVIRONMENT, or in all, and whether it still is what was deployed.")
@click.argument("environment", required=False)
@file_option
@store_option
@click.option("--check", is_flag=True, help="End with exit code 4 where anything is not as it was deployed.")
def command(environment: str | None, file: Path, store: str | None, check: bool) -> Result:
    """Status."""
    from model_devops.deploy.open import look_together, open_known
    from model_devops.deploy.status import status
    from model_devops.deploy.stores import as_kept
    from model_devops.project import open_project

    project = open_project(file, store=store)
    names = [environment] if environment else list(project.model.environments)
    targets = {name: open_known(project, name) for name in names}
    with_bytes = look_together(targets.values())
    found = [
        status(as_kept(project, target).store, name, target, measure=target in with_bytes)
        for name, target in targets.items()
    ]
    output.table([_row(item) for item in found], ["environment", "runs", "revision", "state", "detail"])
    for item in found:
        for remark in item.remarks:
            output.warn(f"{item.environment}: {remark}")
    healthy = all(item.healthy for item in found)
    shown = ", ".join(f"{item.environment}: {item.runs}" for item in found)
    fields: dict[str, Any] = {"healthy": healthy, "environments": [_fields(item) for item in found]}
    if check and not healthy:
        raise _unhealthy(found, fields)
    summary = f"{project.model.name} {shown or 'has no environments'}" + ("" if healthy else " (see warnings)")
    return Result(summary, **fields)


def _unhealthy(found: list[Status], fields: dict[str, Any]) -> RefusedError:
    problems = [Problem(f"{item.environment}: {remark}") for item in found for remark in item.remarks]
    return RefusedError(
        problems[0].message,
        kind="unhealthy",
        problems=problems if len(problems) > 1 else [],
        hint="`model-devops deploy` the same release again puts right what was changed or ended",
        details=fields,
    )


def _row(item: Status) -> list[object]:
    number = item.record.number if item.record else None
    if item.record and item.stopped:
        return [item.environment, item.runs, number, "stopped", _stop(item.record)]
    if item.seen.running:
        number = item.seen.revision
    return [item.environment, item.runs, number, _state(item), item.seen.detail]


def _state(item: Status) -> str:
    """How it runs, whether its bytes are what its revision released, and what became of another than the one meant."""
    if not item.seen.running:
        return f"{item.record.version} not running" if item.record else "not running"
    words = ["ready" if item.seen.ready else "running"]
    if item.running and item.seen.measured == item.running.model:
        words.append("measured")
    if item.running and item.running is not item.record:
        words.append(item.running.status)
    return ", ".join(words)


def _stop(record: Revision) -> str:
    """Who wanted it and why: how the server took the signal would read like a crash."""
    return f"by {record.by or 'nobody known'} at {record.started[:16].replace('T', ' ')}" + (
        f": {record.reason}" if record.reason else ""
    )


def _fields(item: Status) -> dict[str, Any]:
    from model_devops.deploy.summary import revision_fields

    return {
        "environment": item.environment,
        "healthy": item.healthy,
        "remarks": item.remarks,
        "runs": item.runs,
        "revision": revision_fields(item.record),
        "running": revision_fields(item.running),
        "pending": revision_fields(item.pending),
        "observed": item.seen.__dict__,
    }
