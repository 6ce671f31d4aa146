"""`approve`: a person's word that a release may go to an environment, or that it must not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_devops.cli import output
from model_devops.cli.options import as_option, file_option, reason_option, release_option, store_option
from model_devops.cli.seam import Result
from model_devops.errors import Together

if TYPE_CHECKING:
    from model_devops.policy.person import Person
    from model_devops.policy.source import Policy
    from model_devops.project import Project
    from model_devops.release.evidence import Evidence
    from model_devops.release.store import Stored


@click.command(help="Approve a release for an environment, or reject it for all of them.")
@click.argument("environment")
@file_option
@store_option
@release_option
@as_option
@reason_option
@click.option("--comment", metavar="WORDS", help="What they say of it; recorded. It is no --reason.")
@click.option("--reject", is_flag=True, help="The user test failed: no environment takes it; needs --reason.")
def command(
    environment: str,
    file: Path,
    store: str | None,
    release: str | None,
    as_: str | None,
    reason: str | None,
    comment: str | None,
    reject: bool,
) -> Result:
    """Approve or reject."""
    from model_devops.building.choose import choose
    from model_devops.deploy.open import open_wanted
    from model_devops.policy.approval import why_rejected
    from model_devops.policy.person import who
    from model_devops.project import open_project

    project = open_project(file, store=store)
    with Together() as ask:
        ask(lambda: open_wanted(project, environment))
        chosen = ask(lambda: choose(project, release))
        person = ask(lambda: who(project.build, as_))
        why = ask(lambda: why_rejected(reason or comment)) if reject else ""
    if reject:
        return _reject(project, environment, chosen, person, why)
    return _approve(project, environment, chosen, person, reason, comment)


def _approve(
    project: Project, environment: str, release: Stored, person: Person, reason: str | None, comment: str | None
) -> Result:
    from model_devops.deploy.open import open_target
    from model_devops.policy.approval import approve

    policy = _policy(project, environment, release)
    name = project.model.name
    said = {"reason": reason, "comment": comment}
    body = approve(project, policy, release, person, others=lambda other: open_target(project, other), **said)
    if not policy.approvals:
        output.warn(f"{environment} asks for no approval")
    text = f"{name} {release.version} approved for {environment} by {body.body.by} ({body.body.origin})"
    output.say(output.style(text, "green"))
    return _result(project, text, release, body)


def _reject(project: Project, environment: str, release: Stored, person: Person, reason: str) -> Result:
    """Recorded first, whatever happens then: what keeps this run from the rest is finished by the next one (A3)."""
    from model_devops.policy.approval import reject

    where = _where(project, environment, release)
    body = reject(project, where, release, person, reason)
    text = f"{project.model.name} {release.version} rejected by {person.name} ({person.origin})"
    output.say(output.style(text, "yellow"))
    for note in _leave(project, where):
        output.say(note)
    return _result(project, text, release, body)


def _leave(project: Project, environment: str) -> list[str]:
    """Take the rejected release back where it runs still; says where that went."""
    from model_devops.deploy.open import open_target
    from model_devops.deploy.rollback import take_back_rejected
    from model_devops.deploy.rollout import open_rollout

    target = open_target(project, environment)
    if target.place() is None:
        return []
    return take_back_rejected(open_rollout(project, environment, target, output.say)).notes


def _where(project: Project, environment: str, release: Stored) -> str:
    """The environment that must leave the release, also where its policy can't be asked for now."""
    from model_devops.deploy.open import open_target
    from model_devops.errors import UnreachableError
    from model_devops.policy.approval import where_seen
    from model_devops.policy.source import kept_approvals

    try:
        return where_seen(_policy(project, environment, release).approvals, environment)
    except UnreachableError as error:
        place = open_target(project, environment).place()
        if place is None:
            raise
        output.warn(f"{error.message}; what {environment} read last decides where it was tried")
        return where_seen(kept_approvals(place), environment)


def _policy(project: Project, environment: str, release: Stored) -> Policy:
    from model_devops.deploy.open import open_target
    from model_devops.policy.source import check_source, read_policy

    place = open_target(project, environment).place()
    policy = read_policy(project, environment, remembered=place, prerelease=release.record.is_prerelease)
    check_source(place, policy.source, policy.model.moved_from)
    if policy.note:
        output.warn(policy.note)
    return policy


def _result(project: Project, text: str, release: Stored, body: Evidence) -> Result:
    from model_devops.building.summary import release_fields

    return Result(
        text,
        release=release_fields(release, project.store),
        evidence=body.digest,
        decision=body.kind,
        by=body.body.by,
        origin=body.body.origin,
    )
