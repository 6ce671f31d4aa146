"""`rollback`: return an environment to an earlier verified release (D8)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, reason_option, store_option
from model_devops.cli.seam import Result
from model_devops.errors import Together

if TYPE_CHECKING:
    from model_devops.deploy.target import Target
    from model_devops.project import Project
    from model_devops.release.store import Stored


@click.command(help="Return ENVIRONMENT to the newest earlier verified release, or to the one named.")
@click.argument("environment")
@file_option
@store_option
@click.option("--to", metavar="VERSION", help="A release that was verified there, by version or digest.")
@reason_option
@click.option("--dry-run", is_flag=True, help="Say where it would go back to, and why not to others; change nothing.")
def command(
    environment: str, file: Path, store: str | None, to: str | None, reason: str | None, dry_run: bool
) -> Result:
    """Roll back."""
    from model_devops.deploy.open import open_known
    from model_devops.deploy.rollback import Rollback, meant_here
    from model_devops.deploy.rollout import open_rollout
    from model_devops.deploy.stores import as_kept
    from model_devops.deploy.summary import outcome_fields, told
    from model_devops.project import open_project
    from model_devops.release.lookup import find_release

    project = open_project(file, store=store)
    with Together() as ask:
        target = ask(lambda: open_known(project, environment))
        project = as_kept(project, target) if target else project
        named = ask(lambda: meant_here(project.store, target, environment, to)) if target and to is not None else to
        wanted = ask(lambda: find_release(project.store, project.model.name, named)) if named else None
    if dry_run:
        return _outlook(project, target, environment, wanted)
    rollout = open_rollout(project, environment, target, output.say)
    with output.warning_of(rollout.notes):
        outcome = rollout.run(Rollback(environment, project.store, wanted, reason))
    summary = told(project.model.name, environment, outcome)
    output.say(output.style(summary, "green"))
    if outcome.revision and outcome.revision.replaced_version:
        replaced = outcome.revision.replaced_version
        output.say(f"  {replaced} does not come back until: model-devops unblock {environment} --release {replaced}")
    return Result(
        summary,
        verified=_verified(project),
        **outcome_fields(rollout, outcome),
    )


def _verified(project: Project) -> list[str]:
    """What a job offers to roll back to next time, of all environments."""
    from model_devops.deploy.open import open_target
    from model_devops.deploy.rollback import returnable
    from model_devops.deploy.stores import as_kept

    targets = {name: open_target(project, name) for name in project.model.environments}
    return returnable({name: (as_kept(project, target).store, target) for name, target in targets.items()})


def _outlook(project: Project, target: Target, environment: str, to: Stored | None) -> Result:
    from model_devops.deploy.rollback import outlook

    chosen, found = outlook(project.store, target, environment, to)
    for item in found:
        word = "would run" if item is chosen else item.objection or "possible"
        output.say(f"  {item.revision.version}: {word}")
    summary = f"{project.model.name} {environment} would go back to {chosen.revision.version}"
    output.say(summary)
    return Result(
        summary,
        changed=False,
        environment=environment,
        to=chosen.revision.version,
        candidates=[item.as_dict() for item in found],
        verified=_verified(project),
    )
