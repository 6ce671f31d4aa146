"""What an environment's revisions come to: what runs, what is pending, what is blocked (D2, D6, D8).

Pure functions over what a target remembers. Order is that of the revision numbers; no clock decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_devops.deploy.revision import PENDING, VERIFIED, Place, Revision
from model_devops.release.store import Stored

#: An environment in which nothing runs, as something that can be applied.
NOTHING = Revision(number=0, id="nothing", status=VERIFIED, action="stop")


def current(revisions: Sequence[Revision]) -> Revision | None:
    """What runs by the record: the newest verified revision (D2); a stop where nothing is meant to run."""
    return next((item for item in reversed(revisions) if item.status == VERIFIED), None)


def pending(revisions: Sequence[Revision]) -> Revision | None:
    """The revision that a killed run left behind (D6)."""
    return next((item for item in reversed(revisions) if item.status == PENDING), None)


def broken(revisions: Sequence[Revision]) -> Revision | None:
    """The revision after which what ran before could not be brought back, if nothing was brought about since (D5)."""
    last = next((item for item in reversed(revisions) if item.status != PENDING), None)
    return last if last is not None and last.broken else None


def next_number(revisions: Sequence[Revision]) -> int:
    """The number of the next revision."""
    return max((item.number for item in revisions), default=0) + 1


def of_release(release: Stored) -> dict[str, Any]:
    """The fields of a revision that say which release it applies."""
    record = release.record
    return {
        "release": release.digest,
        "version": release.version,
        "identity": record.identity.digest,
        "model": record.identity.artifacts.get("model"),
    }


def block(revisions: Sequence[Revision], place: Place | None, release: Stored) -> Revision | None:
    """The rollback that keeps this release away, if any: it replaced it, or another one of its identity (D8)."""
    identity = release.record.identity.digest
    same = {item.release for item in revisions if item.identity == identity} | {release.digest}
    return next((by for digest, by in blocked(revisions, place).items() if digest in same), None)


def blocked(revisions: Sequence[Revision], place: Place | None) -> dict[str, Revision]:
    """The releases that may not come back, each with the verified rollback that replaced it (D8).

    A block ends with an `unblock` that was written after it.
    """
    lifted: dict[str, int] = {}
    for note in place.notes if place else []:
        if note.release:  # an `unblock` has one, an `adopt` none
            lifted[note.release] = max(note.revision, lifted.get(note.release, 0))
    return {
        item.replaces: item
        for item in revisions
        if item.status == VERIFIED and item.replaces and item.number > lifted.get(item.replaces, 0)
    }
