"""`plan`: what a deploy would change, and which conditions fail (exit code 4 if it would be refused)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, release_option, store_option
from model_devops.cli.seam import Result
from model_devops.errors import Together


@click.command(help="Say what a deployment to ENVIRONMENT would change and which conditions fail.")
@click.argument("environment")
@file_option
@store_option
@release_option
def command(environment: str, file: Path, store: str | None, release: str | None) -> Result:
    """Plan."""
    from model_devops.building.choose import choose
    from model_devops.building.summary import release_fields
    from model_devops.deploy.deploying import Deploy
    from model_devops.deploy.open import open_wanted
    from model_devops.deploy.plan import plan
    from model_devops.project import open_project

    project = open_project(file, store=store)
    with Together() as ask:
        target = ask(lambda: open_wanted(project, environment))
        chosen = ask(lambda: choose(project, release))
    found = plan(Deploy(project, environment, chosen), target)
    output.say(output.style(f"{project.model.name} {chosen.version} to {environment}", "bold"))
    for line in found.changes or ["no change: this runs there already"]:
        output.say(f"  {line}")
    for condition in found.conditions:
        mark = output.style("ok  ", "green") if condition.holds else output.style("FAIL", "red")
        output.say(f"  {mark} {condition.name}: {condition.message}")
    for problem in found.problems:
        output.say(f"  {output.style('FAIL', 'red')} {problem}")
    for note in found.notes:
        output.warn(note)
    fields: dict[str, Any] = {
        "environment": environment,
        "changes": found.changes,
        "conditions": [condition.__dict__ for condition in found.conditions],
    }
    if found.refused is not None:
        found.refused.details = {"release": release_fields(chosen, project.store), **fields}
        raise found.refused
    summary = f"{environment} takes {project.model.name} {chosen.version}"
    return Result(summary, release=release_fields(chosen, project.store), **fields)
