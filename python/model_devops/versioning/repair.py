"""Putting back tags that were deleted or never pushed, from the records in the store (V5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from model_devops.adapters.git import Git
from model_devops.adapters.git_remote import Remote
from model_devops.release.store import Store, Stored
from model_devops.versioning.claim import Attempt, Won, claim_object, make_tag
from model_devops.versioning.contested import contested, two_releases, way_on
from model_devops.versioning.numbers import parse
from model_devops.versioning.tags import Tag, read_tags, tag_name


@dataclass
class Repaired:
    """What `version repair` did."""

    put_back: list[str] = field(default_factory=list)
    """Versions whose tag is there again."""
    problems: list[str] = field(default_factory=list)
    """What could not be put back, and why."""


def repair(git: Git, remote: Remote | None, store: Store, name: str) -> Repaired:
    """Make sure that every final release of the store has its tag, on the remote where there is one (V5).

    A tag that claims the version for something else is never replaced (V6). Raises UnreachableError or RefusedError.
    """
    tags = {tag.version: tag for tag in read_tags(git, remote, name)}
    done = Repaired()
    for stored in store.releases():
        if parse(stored.version) is not None:
            _repair_one(git, remote, stored, tags.get(stored.version), store, done)
    return done


def _repair_one(git: Git, remote: Remote | None, stored: Stored, tag: Tag | None, store: Store, done: Repaired) -> None:
    if tag and contested([tag], stored):
        done.problems.append(f"{two_releases(tag, stored, store)}. {way_on(stored)}")
    elif tag is None or (remote and not tag.remote) or tag.release is None:
        problem = put_back(git, remote, stored, tag)
        if problem is None:
            done.put_back.append(stored.version)
        else:
            done.problems.append(f"{stored.version}: {problem}")


def put_back(git: Git, remote: Remote | None, stored: Stored, tag: Tag | None) -> str | None:
    """Claim a release's number again, with the tag that this clone has or a new one; returns what was in the way.

    Raises UnreachableError or RefusedError, as `claim`.
    """
    commit, name = stored.record.commit, stored.record.name
    if tag and tag.release != stored.digest:
        return f"the tag {tag_name(name, stored.version)} is there, but not for this release"
    if commit is None or not git.has(commit):
        return f"its commit {str(commit)[:12]} is not in this clone; fetch it first"
    oid = tag.object if tag else make_tag(git, stored.record, stored.digest)
    won = isinstance(claim_object(git, remote, Attempt(name, stored.version, oid)), Won)
    return None if won else "somebody else claimed it meanwhile; run this again to see for what"
