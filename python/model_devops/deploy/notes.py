"""What a person says about an environment: `unblock` (D8) and `adopt` (P4). The environment keeps it."""

from __future__ import annotations

import msgspec

from model_devops.adapters.clock import timestamp
from model_devops.deploy.open import open_known
from model_devops.deploy.revision import Note, Place, Source
from model_devops.deploy.states import blocked
from model_devops.deploy.target import Target
from model_devops.errors import RefusedError, UsageError
from model_devops.project import Project


def unblock(project: Project, environment: str, reference: str, reason: str, by: str | None) -> str:
    """Let a release that was rolled back return (D8). Returns its version. Raises RefusedError if it isn't blocked."""
    target = open_known(project, environment)
    with target.lock(_holder("unblock", by)):
        place = _place(target, environment)
        blocks = blocked(target.revisions(), place)
        version, digest = _named(
            blocks_by_name=_names(target, set(blocks)), reference=reference, environment=environment
        )
        _add(target, place, Note(action="unblock", reason=reason, by=by, time=timestamp(), release=digest))
    return version


def adopt(project: Project, environment: str, source: Source, reason: str, by: str | None) -> Source:
    """Let the environment take releases from this source from now on (P4). Returns the one that it kept before."""
    target = open_known(project, environment)
    with target.lock(_holder("adopt", by)):
        place = _place(target, environment)
        before = place.source
        if before == source:
            raise RefusedError(f"{environment} takes its releases from here already", kind="nothing-to-adopt")
        note = Note(action="adopt", reason=reason, by=by, time=timestamp())
        _add(target, msgspec.structs.replace(place, source=source), note)
    return before


def _holder(verb: str, by: str | None) -> str:
    return f"{verb} by {by or 'unknown'}"


def _place(target: Target, environment: str) -> Place:
    place = target.place()
    if place is None:
        raise UsageError(
            f"nothing was ever deployed to {environment}", kind="no-revision", hint=f"model-devops deploy {environment}"
        )
    return place


def _names(target: Target, digests: set[str]) -> dict[str, str]:
    return {str(item.version): item.release for item in target.revisions() if item.release in digests and item.release}


def _named(*, blocks_by_name: dict[str, str], reference: str, environment: str) -> tuple[str, str]:
    for version, digest in blocks_by_name.items():
        if reference in (version, digest):
            return version, digest
    raise RefusedError(
        f"{reference} is not blocked in {environment}",
        kind="not-blocked",
        hint=f"blocked there: {', '.join(sorted(blocks_by_name)) or 'nothing'}",
    )


def _add(target: Target, place: Place, note: Note) -> None:
    newest = max((item.number for item in target.revisions()), default=0)
    note = msgspec.structs.replace(note, revision=newest)
    target.save_place(msgspec.structs.replace(place, notes=[*place.notes, note]))
