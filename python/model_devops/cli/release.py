"""`release`: what is in the store, what was said of it, and the words that end it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_devops.cli import output
from model_devops.cli.groups import Group
from model_devops.cli.options import as_option, file_option, required_reason_option, store_option
from model_devops.cli.release_copy import copy
from model_devops.cli.release_prune import prune
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.policy.signers import Signer
    from model_devops.project import Project
    from model_devops.release.evidence import Evidence
    from model_devops.release.store import Stored


@click.group(cls=Group, help="Show, list, verify, copy, revoke and prune releases.")
def command() -> None:
    """Group of the sub-verbs."""


@command.command(help="Show a release and all that was said of it. Default: the one this build made.")
@file_option
@store_option
@click.argument("release", required=False)
def show(file: Path, store: str | None, release: str | None) -> Result:
    """Version, digests, origin, reasons and evidence."""
    from model_devops.building.summary import release_fields
    from model_devops.policy import signers
    from model_devops.project import open_project
    from model_devops.release.standing import standing

    project = open_project(file, store=store)
    found = _find(project, release)
    known = signers.named(project.model, project.folder)
    evidence = project.store.evidence(found.digest)
    stand = {item.digest for item in standing(evidence)}
    fields = release_fields(found, project.store)
    state = _state(project, found)
    _say_head(project, found, state)
    signed = {item.digest: signers.signer(item, known) for item in evidence}
    _say_evidence(evidence, stand, signed)
    return Result(
        f"{found.record.name} {found.version}" + (f" ({', '.join(state)})" if state else ""),
        release=fields,
        record=found.record,
        state=state,
        evidence=[_fields(item, item.digest in stand, signed[item.digest]) for item in evidence],
    )


def _find(project: Project, reference: str | None) -> Stored:
    from model_devops.building.choose import choose

    return choose(project, reference)


def _state(project: Project, release: Stored) -> list[str]:
    """What ends or holds up a release: revoked, rejected, not built here."""
    from model_devops.release.standing import built_here, is_rejected, is_revoked

    state = []
    if is_revoked(project.store, release.record.identity):
        state.append("revoked")
    if is_rejected(project.store, release.record.identity):
        state.append("rejected")
    if not built_here(project.store, release):
        state.append("evidence of its build is missing")
    return state


def _say_head(project: Project, release: Stored, state: list[str]) -> None:
    record = release.record
    image = record.image and project.store.images.located(record.image)
    bad = "".join(f"  {output.style(word, 'red')}" for word in state)
    output.say(f"{output.style(f'{record.name} {record.version}', 'bold')}{bad}")
    origin = record.origin
    lines = [
        ("digest", release.digest),
        ("identity", record.identity.digest),
        ("commit", " on ".join(filter(None, (record.commit, record.branch)))),
        ("model.yaml", record.path),
        ("built", " ".join(filter(None, (origin.time, f"by {origin.actor}" if origin.actor else "", origin.url)))),
        ("image", image and image.reference),
        *[("built on", f"{base.reference} ({base.digest})") for base in (image.bases if image else [])],
        ("compared to", record.base),
        *[("why", f"{reason.level}: {reason.text}") for reason in record.reasons],
        *record.identity.artifacts.items(),
    ]
    for name, value in lines:
        if value:
            output.say(f"  {name:<12} {value}")


def _say_evidence(evidence: list[Evidence], stand: set[str], signed: dict[str, Signer]) -> None:
    from model_devops.release.words import sentence

    output.say()
    rows = [
        (
            item.body.time[:19].replace("T", " "),
            item.kind if item.digest in stand else f"{item.kind} (withdrawn)",
            sentence(item),
            f"{item.body.by or '-'} ({item.body.origin})",
            signed[item.digest].words,
            item.digest.removeprefix("sha256:")[:16],
        )
        for item in evidence
    ]
    output.table(rows, ("time", "evidence", "", "by", "signed by", "statement"))


def _fields(item: Evidence, stands: bool, signed: Signer) -> dict[str, Any]:
    signature = {"key": signed.key, "name": signed.name, "verified": signed.verified} if signed.key else None
    return {"digest": item.digest, "kind": item.kind, "stands": stands, "body": item.body, "signature": signature}


@command.command("list", help="List all releases, the highest first.")
@file_option
@store_option
def list_(file: Path, store: str | None) -> Result:
    """A table of versions with what became of them."""
    from model_devops.building.summary import release_fields
    from model_devops.project import open_project
    from model_devops.release.lookup import overview

    project = open_project(file, store=store)
    rows = overview(project.store)
    shown = [
        (
            row.release.version,
            row.release.record.origin.time[:10],
            (row.release.record.commit or "")[:12],
            row.tested,
            ", ".join(row.verified_in),
            ", ".join(row.state),
            row.release.digest[:19],
        )
        for row in rows
    ]
    output.table(shown, ("version", "built", "commit", "tests", "was verified in", "state", "digest"))
    fields = project.store.repository.each(lambda row: release_fields(row.release, project.store), rows)
    releases = [
        found | {"tests": row.tested, "verifiedIn": row.verified_in, "state": row.state}
        for row, found in zip(rows, fields, strict=True)
    ]
    return Result(
        f"{output.count(len(rows), 'release')} of {project.model.name}", releases=releases, store=project.store.location
    )


@command.command(help="Hash every byte of a release, or of all, and read all statements.")
@file_option
@store_option
@click.argument("release", required=False)
def verify(file: Path, store: str | None, release: str | None) -> Result:
    """Exit code 4 with a list of what differs."""
    from model_devops.errors import Problem, RefusedError
    from model_devops.project import open_project

    project = open_project(file, store=store)
    releases = [_find(project, release)] if release else project.store.releases()
    problems = [Problem(text) for text in project.store.problems()]
    memo: dict[str, Any] = {}
    for item in releases:
        problems += [Problem(text, file=item.version) for text in project.store.verify(item, memo=memo)]
    if problems:
        raise RefusedError(
            f"{project.store.location} is damaged: {output.count(len(problems), 'finding')}",
            kind="bytes-differ",
            problems=problems,
            hint="build the same commit again where the bytes are, or `model-devops store join` a good copy",
        )
    names = releases[0].version if release else output.count(len(releases), "release")
    output.say(f"{output.style('whole', 'green')}: {names} in {project.store.location}")
    return Result(f"{names}: every byte is as recorded", verified=[item.version for item in releases])


@command.command(help="Copy a release with its evidence into an OCI image layout of its own.")
@file_option
@store_option
@click.argument("release")
@click.argument("path", type=click.Path(path_type=Path))
def export(file: Path, store: str | None, release: str, path: Path) -> Result:
    """The folder must not exist yet."""
    from model_devops.project import open_project
    from model_devops.release.transfer import export as copy_out

    project = open_project(file, store=store)
    found = _find(project, release)
    copy_out(project.store, found, path)
    output.say(f"{found.record.name} {found.version} is in {path}")
    output.say(f"  for example: oras pull --oci-layout {path}:{found.version}")
    return Result(f"{found.record.name} {found.version} exported", path=str(path))


@command.command(help="Say that a release must not be used any more, nor any other of the same bytes.")
@file_option
@store_option
@required_reason_option
@as_option
@click.argument("release")
def revoke(file: Path, store: str | None, reason: str, as_: str | None, release: str) -> Result:
    """Counts for every release of its identity; stops nothing that runs (S6)."""
    from model_devops.building.summary import release_fields
    from model_devops.policy.person import who
    from model_devops.project import open_project
    from model_devops.release.acts import revoke as revoke_release

    project = open_project(file, store=store)
    found = _find(project, release)
    item, others = revoke_release(project.store, found, who(project.build, as_), reason, project.build.url)
    output.say(f"{output.style('revoked', 'red')}: {found.record.name} {found.version}: {reason}")
    for other in others:
        output.say(f"  and with it {other.version}, which has the same bytes")
    output.say("  What runs goes on running: `model-devops status` shows where, `rollback` or `stop` end it.")
    return Result(
        f"{found.record.name} {found.version} revoked: {reason}",
        release=release_fields(found, project.store),
        statement=item.digest,
        also=[other.version for other in others],
    )


@command.command(help="End a statement (as `release show` lists it), for example a revocation made by mistake.")
@file_option
@store_option
@required_reason_option
@as_option
@click.argument("statement")
def withdraw(file: Path, store: str | None, reason: str, as_: str | None, statement: str) -> Result:
    """A `withdrawn` can't be withdrawn itself (S5)."""
    from model_devops.policy.person import who
    from model_devops.project import open_project
    from model_devops.release.acts import withdraw as withdraw_statement

    project = open_project(file, store=store)
    person = who(project.build, as_)
    ended, item = withdraw_statement(project.store, statement, person, reason, project.build.url)
    output.say(f"withdrawn: {ended.kind} {ended.digest[:19]} of {ended.release[:19]}: {reason}")
    return Result(f"{ended.kind} withdrawn: {reason}", withdrawn=ended.digest, statement=item.digest)


command.add_command(copy)
command.add_command(prune)
