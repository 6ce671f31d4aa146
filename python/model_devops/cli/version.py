"""`version`: which versions there are, which comes next, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_devops.cli import output
from model_devops.cli.groups import Group
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.project import Project
    from model_devops.release.record import Record
    from model_devops.versioning.known import Final, Known


@click.group(cls=Group, help="Show, list and explain versions.")
def command() -> None:
    """Versions."""


@command.command(help="Which versions were built from the commit that is checked out.")
@file_option
@store_option
def show(file: Path, store: str | None) -> Result:
    """Show the versions of HEAD: finals by tag or `built` evidence, pre-releases by the store."""
    project, known = _open(file, store)
    commit = project.commit
    finals = known.by_commit.get(commit or "", [])
    records = [final.record for final in finals if final.record]
    records += [
        one.record for one in project.store.releases() if one.record.is_prerelease and one.record.commit == commit
    ]
    for record in records:
        output.say(f"{output.style(record.version, 'bold')}  {_because(record)}")
    short = commit[:12] if commit else "no commit"
    if not records:
        output.say(f"nothing was built from {short} yet")
    versions = [record.version for record in records]
    return Result(
        f"{project.model.name} at {short}: {', '.join(versions) or 'no version'}", versions=versions, commit=commit
    )


@command.command("next", help="Which version a build would return or claim now, and why. Nothing is run.")
@file_option
@store_option
def next_(file: Path, store: str | None) -> Result:
    """Show what a build would come to."""
    import msgspec

    from model_devops.building.branch import BuildPolicy
    from model_devops.building.existing import base_tests
    from model_devops.building.inputs import read_inputs
    from model_devops.versioning.outlook import outlook
    from model_devops.versioning.standing import standing

    project, known = _open(file, store)
    policy = BuildPolicy(project)
    standing_now = standing(project.git, project.build, policy)
    passed = base_tests(project.store, policy.trusted())
    inputs = read_inputs(project).inputs
    found = outlook(project.git, known, standing_now, inputs, passed)
    verb = "next:" if found.new else "nothing new:"
    output.say(f"{output.style(verb, 'green')} {project.model.name} {found.version}  ({found.why})")
    _say_reasons(found.reasons)
    fields = msgspec.to_builtins(found)
    return Result(f"{project.model.name} {verb} {found.version}", **fields)


@command.command("list", help="All final versions, the highest first.")
@file_option
@store_option
@click.option("--prereleases", is_flag=True, help="Also list the pre-releases that the store holds.")
def list_(file: Path, store: str | None, prereleases: bool) -> Result:
    """List versions with commit, time, state and reasons."""
    project, known = _open(file, store)
    state = _states(project)
    rows = [_row(final.version, final.record, state(final)) for final in reversed(known.finals)]
    if prereleases:
        found = [one.record for one in project.store.releases() if one.record.is_prerelease]
        rows += [_row(record.version, record, "pre-release") for record in reversed(found)]
    if rows:
        shown = [row | {"time": row["time"][:19].replace("T", " ")} for row in rows]
        output.table([list(row.values()) for row in shown], ["version", "commit", "built", "state", "why"])
    else:
        output.say(f"{project.model.name} has no version yet")
    return Result(f"{project.model.name}: {len(rows)} version(s), highest {known.highest or 'none'}", versions=rows)


@command.command(help="Why a version has its number: base, reasons, and the digests that changed.")
@file_option
@store_option
@click.argument("version")
def explain(file: Path, store: str | None, version: str) -> Result:
    """Explain one version."""
    import msgspec

    project, known = _open(file, store)
    record = _record(project, known, version)
    base = _record(project, known, record.base) if record.base else None
    output.say(f"{output.style(f'{record.name} {record.version}', 'bold')}, compared with {record.base or 'nothing'}")
    _say_reasons(record.reasons)
    changes = _changes(base, record)
    if changes:
        output.table([list(change.values()) for change in changes], ["artifact", "before", "now"])
    reasons = msgspec.to_builtins(record.reasons)
    return Result(f"{record.name} {version}: {_because(record)}", base=record.base, reasons=reasons, changes=changes)


@command.command(help="Put back tags that were deleted or never pushed, from the records in the store.")
@file_option
@store_option
def repair(file: Path, store: str | None) -> Result:
    """Repair tags (V5)."""
    from model_devops.errors import Problem, RefusedError, UsageError
    from model_devops.project import open_project
    from model_devops.versioning.repair import repair as put_back

    project = open_project(file, store=store)
    if project.git is None:
        raise UsageError("there is no git repository whose tags could be repaired", kind="no-repository")
    done = put_back(project.git, project.git.remote(), project.store, project.model.name)
    for version in done.put_back:
        output.say(f"{output.style('put back', 'green')} {project.model.name}@v{version}")
    if done.problems:
        problems = [Problem(text) for text in done.problems]
        raise RefusedError(
            f"{len(problems)} tag(s) could not be put back",
            kind="not-repaired",
            problems=problems,
            details={"put_back": done.put_back},
        )
    if not done.put_back:
        output.say("every release of the store has its tag")
    return Result(f"{project.model.name}: {len(done.put_back)} tag(s) put back", put_back=done.put_back)


def _open(file: Path, store: str | None) -> tuple[Project, Known]:
    """The project and all its versions; offline what this clone knows, with a warning."""
    from model_devops.building.existing import known_offline
    from model_devops.project import open_project
    from model_devops.versioning.contested import two_releases
    from model_devops.versioning.tags import refuse_other_path

    project = open_project(file, store=store)
    notes: list[str] = []
    known = known_offline(project, notes)
    for note in notes:
        output.warn(note)
    refuse_other_path(known.tags, project.path, project.model.moved_from)
    for final in known.finals:
        if final.tag and final.other:
            output.warn(f"{two_releases(final.tag, final.other, project.store)}; see `model-devops version repair`")
    return project, known


def _record(project: Project, known: Known, version: str) -> Record:
    """The record of a version, with or without `v`. Raises UsageError naming what there is."""
    from model_devops.errors import UsageError

    wanted = version.removeprefix("v")
    final = next((final for final in known.finals if final.version == wanted), None)
    stored = None if final else project.store.find(wanted)
    record = final.record if final else stored.record if stored else None
    if record is None:
        what = f"{wanted} is a tag without a record" if final else f"{project.model.name} has no version {wanted}"
        raise UsageError(what, kind="no-such-version", hint="model-devops version list")
    return record


def _states(project: Project) -> Any:
    """Tells the state of a final version in one word or two."""
    from model_devops.building.existing import passed_in
    from model_devops.release.standing import is_revoked

    passed = passed_in(project.store)

    def state(final: Final) -> str:
        if final.record is None:
            return "burnt"
        if final.other is not None:
            return f"not in this store, which holds {final.other.digest[:19]} under this number"
        if final.stored is None:
            return "not in this store"
        if is_revoked(project.store, final.record.identity.digest):
            return "revoked"
        return {True: "tested", False: "tests failed", None: "built"}[passed(final.stored.digest)]

    return state


def _row(version: str, record: Record | None, state: str) -> dict[str, str]:
    return {
        "version": version,
        "commit": record.commit[:12] if record and record.commit else "",
        "time": record.origin.time if record else "",
        "state": state,
        "reasons": _because(record) if record else "",
    }


def _changes(base: Record | None, record: Record) -> list[dict[str, str]]:
    from model_devops.release.record import ARTIFACTS

    old, new = (base.identity.artifacts if base else {}), record.identity.artifacts
    names = [name for name in ARTIFACTS if old.get(name) != new.get(name)]
    return [{"artifact": name, "before": old.get(name, "")[:19], "now": new.get(name, "")[:19]} for name in names]


def _because(record: Record) -> str:
    return "; ".join(reason.text for reason in record.reasons)


def _say_reasons(reasons: list[Any]) -> None:
    for reason in reasons:
        output.say(f"  {reason.level + ':':<7} {reason.text}")
