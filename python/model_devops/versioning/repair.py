"""Putting back tags that were deleted or never pushed, from the records in the store (V5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from model_devops.adapters.git import Git
from model_devops.adapters.git_remote import Remote
from model_devops.release.store import Store, Stored
from model_devops.versioning.claim import Attempt, Won, claim_object, make_tag
from model_devops.versioning.numbers import parse
from model_devops.versioning.tags import Tag, read_tags


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
            _repair_one(git, remote, stored, tags.get(stored.version), done)
    return done


def _repair_one(git: Git, remote: Remote | None, stored: Stored, tag: Tag | None, done: Repaired) -> None:
    version = stored.version
    if tag and tag.release != stored.digest:
        done.problems.append(
            f"{version}: the tag is there, but not for the release in the store ({stored.digest[:19]}…)"
        )
    elif tag is None or (remote and not tag.remote):
        commit = stored.record.commit
        if commit is None or not git.has(commit):
            done.problems.append(f"{version}: its commit {str(commit)[:12]} is not in this clone; fetch it first")
            return
        oid = tag.object if tag else make_tag(git, stored.record, stored.digest)
        if isinstance(claim_object(git, remote, Attempt(stored.record.name, version, oid)), Won):
            done.put_back.append(version)
        else:
            done.problems.append(f"{version}: somebody else claimed it meanwhile")
