"""Claiming a version with an annotated tag (V3).

The tag object is made first, without a name. With a remote it is pushed under its name, without force:
git's word that the tag is new is the claim, and so is finding one's own claim ID there when the answer
was lost. Only a tag that won gets a name in this clone. Without a remote, creating the name is the claim;
all work trees of the clone share it.
"""

from __future__ import annotations

import random
import re
import time
import uuid
from dataclasses import dataclass

from model_devops import faults
from model_devops.adapters.git import Git
from model_devops.adapters.git_process import DENIED, Finished, failure
from model_devops.adapters.git_remote import Remote
from model_devops.errors import (
    ModelDevopsError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from model_devops.release.record import Record
from model_devops.versioning.tags import (
    KEPT,
    OWN,
    Tag,
    known_tags,
    message,
    read_tags,
    tag_from_object,
    tag_name,
)

#: How often the remote is asked who won after a push without an answer.
ASKED = 3
#: Up to so many seconds pass before a loss is told, so that many builds at once don't all want the same next number.
SPREAD = 0.5
#: Refusals of a server that are its rules, not its health.
RULES = re.compile(
    r"protected|hook declined|not allowed|denied|prohibited|pre-receive|remote rejected|cannot create|restricted",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Won:
    """The version is ours."""

    tag: Tag


@dataclass(frozen=True)
class Lost:
    """Somebody else has the version: look again, then take the next number."""

    tag: Tag


@dataclass(frozen=True)
class Attempt:
    """A tag object that wants its name."""

    name: str
    """The model's name."""
    version: str
    object: str

    @property
    def tag(self) -> str:
        """`name@v1.2.3`."""
        return tag_name(self.name, self.version)

    @property
    def ref(self) -> str:
        """`refs/tags/name@v1.2.3`."""
        return OWN + self.tag


def claim(git: Git, remote: Remote | None, record: Record, release: str) -> Won | Lost:
    """Claim `record.version` for `release` with a tag on `record.commit` (V3).

    Raises RefusedError with the remote's words where it takes no such tag, UnreachableError where it can't be told
    who won.
    """
    faults.point("claim.before-tag")
    return claim_object(
        git,
        remote,
        Attempt(record.name, record.version, make_tag(git, record, release)),
    )


def make_tag(git: Git, record: Record, release: str) -> str:
    """Write a tag object without a name; returns its id."""
    if record.commit is None:
        raise UsageError("a version is claimed for a commit, and there is none", kind="no-commit")
    name = tag_name(record.name, record.version)
    head = f"object {record.commit}\ntype commit\ntag {name}\ntagger {git.committer()}\n\n"
    text = head.encode("utf-8", "surrogateescape") + message(record, release, str(uuid.uuid4()))
    return git.run("mktag", input=text)


def claim_object(git: Git, remote: Remote | None, attempt: Attempt) -> Won | Lost:
    """Claim with a tag object that is there already (V5: also one that was never pushed)."""
    faults.point("claim.before-push")
    if remote is None:
        created = git.status("update-ref", attempt.ref, attempt.object, "0" * len(attempt.object))
        faults.point("claim.after-push")
        return _who_won_here(git, attempt, created)
    options = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no")
    pushed = git.status("push", *options, remote.name, f"{attempt.object}:{attempt.ref}", network=True)
    faults.point("claim.after-push")
    return _won(git, attempt) if _is_new(pushed, attempt.ref) else _who_won(git, remote, attempt, pushed)


def _is_new(pushed: Finished, ref: str) -> bool:
    """Git's word: `*` before the ref means that it is new there."""
    lines = [line.split("\t") for line in pushed.text.splitlines()]
    return any(line[0] == "*" and line[1].endswith(f":{ref}") for line in lines if len(line) > 1)


def _won(git: Git, attempt: Attempt) -> Won:
    """Name the tag here as well. The remote's word stands, whatever becomes of that."""
    for ref in (attempt.ref, KEPT + attempt.tag):
        git.status("update-ref", ref, attempt.object)
    return Won(tag_from_object(git, attempt.name, attempt.version, attempt.object, remote=True))


def _who_won_here(git: Git, attempt: Attempt, created: Finished) -> Won | Lost:
    there = next(
        (tag for tag in known_tags(git, attempt.name) if tag.version == attempt.version),
        None,
    )
    if there is None:
        raise failure(created)
    return Won(there) if there.object == attempt.object else Lost(there)


def _who_won(git: Git, remote: Remote, attempt: Attempt, pushed: Finished) -> Won | Lost:
    """After a push that did not say "new": the tag on the remote tells; if there is none, the push failed."""
    try:
        there = _there(git, remote, attempt)
    except (UnreachableError, RefusedError) as error:
        raise UnreachableError(
            f"no telling whether {attempt.tag} was claimed: {pushed.words}; then: {error.message}",
            hint="build again: if the claim arrived, it is found",
        ) from error
    if there is None:
        raise _refused(remote, attempt, pushed)
    if there.object == attempt.object:
        return _won(git, attempt)
    time.sleep(random.uniform(0, SPREAD))
    return Lost(there)


def _there(git: Git, remote: Remote, attempt: Attempt) -> Tag | None:
    for number in range(ASKED):
        try:
            tags = read_tags(git, remote, attempt.name)
        except UnreachableError:
            if number + 1 == ASKED:
                raise
        else:
            return next(
                (tag for tag in tags if tag.version == attempt.version and tag.remote),
                None,
            )
    return None


def _refused(remote: Remote, attempt: Attempt, pushed: Finished) -> ModelDevopsError:
    """A push that failed while the remote has no such tag is no loss (V3)."""
    reasons = [line.split("\t")[-1] for line in pushed.text.splitlines() if line.startswith("!\t")]
    if not (reasons or RULES.search(pushed.error) or DENIED.search(pushed.error)):
        return failure(pushed, network=True)
    return RefusedError(
        f"{remote.name} ({remote.shown}) does not take the tag {attempt.tag}: {' · '.join([*reasons, pushed.words])}",
        kind="push-refused",
        hint=f"let this build create tags {attempt.name}@v* there: the right to push, protected tags, server hooks",
    )
