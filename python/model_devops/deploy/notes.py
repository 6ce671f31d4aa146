"""A person's acts on an environment, with reasons: `adopt` (P4) and `unblock` (D8)."""

from __future__ import annotations

import msgspec

from model_devops.adapters.clock import timestamp
from model_devops.deploy import states
from model_devops.deploy.actor import Actor
from model_devops.deploy.revision import Note, Place, Source
from model_devops.deploy.target import Target
from model_devops.errors import RefusedError
from model_devops.release.lookup import plain


def adopt(target: Target, first: Place, reason: str, actor: Actor) -> tuple[Source, Source]:
    """Let the environment take releases from another source. Returns the old and the new one.

    `first`: what an environment is to keep that was never deployed to. In a cluster the next deploy may then also take
    over objects and fields that others made and set (D11).
    """
    with target.lock(actor.holder):
        place = target.place() or first
        if place.source != first.source or not target.stops_first:  # in a cluster it is a word about objects too
            note = Note(action="adopt", reason=reason, by=actor.by, time=timestamp(), revision=_newest(target))
            target.save_place(msgspec.structs.replace(place, source=first.source, notes=[*place.notes, note]))
        return place.source, first.source


def unblock(target: Target, environment: str, version: str | None, reason: str, actor: Actor) -> str:
    """Let a release that a rollback replaced return. Returns its version. Raises RefusedError where none is blocked."""
    with target.lock(actor.holder):
        place = _known(target, environment)
        blocks = states.blocked(target.revisions(), place)
        named = plain(place.model, version) if version else None
        found = [digest for digest, by in blocks.items() if named in (None, digest, by.replaced_version)]
        if len(found) != 1:
            raise _undecided(environment, version, [str(by.replaced_version) for by in blocks.values()])
        note = Note(
            action="unblock",
            reason=reason,
            by=actor.by,
            time=timestamp(),
            release=found[0],
            revision=_newest(target),
        )
        target.save_place(msgspec.structs.replace(place, notes=[*place.notes, note]))
        return str(blocks[found[0]].replaced_version)


def _undecided(environment: str, version: str | None, blocked: list[str]) -> RefusedError:
    if not blocked:
        return RefusedError(f"nothing is blocked in {environment}", kind="not-blocked")
    if version is not None:
        message = f"{version} is not blocked in {environment}; blocked: {', '.join(blocked)}"
        return RefusedError(message, kind="not-blocked")
    message = f"several releases are blocked in {environment}: {', '.join(blocked)}"
    return RefusedError(message, kind="several-blocked", hint="name one with --release")


def _known(target: Target, environment: str) -> Place:
    place = target.place()
    if place is None:
        raise RefusedError(f"nothing was ever deployed to {environment}", kind="no-revision")
    return place


def _newest(target: Target) -> int:
    return states.next_number(target.revisions()) - 1


def unlock(target: Target, environment: str, reason: str, actor: Actor) -> str | None:
    """Take the lock from a run that holds it (D3). Returns the holder, None where nobody did."""
    holder = target.unlock()
    if holder is not None:
        with target.lock(actor.holder):
            place = _known(target, environment)
            note = Note(action="unlock", reason=f"{reason} (from {holder})", by=actor.by, time=timestamp())
            target.save_place(msgspec.structs.replace(place, notes=[*place.notes, note]))
    return holder
