"""Revisions: applications of a release to an environment, and what an environment remembers (D2, P4)."""

from __future__ import annotations

from typing import Any

import msgspec

PENDING, VERIFIED, FAILED, INTERRUPTED = "pending", "verified", "failed", "interrupted"


class Base(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Common settings: immutable, camelCase in JSON."""


class Revision(Base, frozen=True, kw_only=True):
    """One application of a release to an environment. A `stop` is a revision without a release."""

    number: int
    id: str
    """Unique: evidence is keyed by it (D9)."""
    status: str
    """pending → verified | failed | interrupted, and from there nowhere (D2)."""
    action: str
    """`deploy`, `rollback` or `stop`."""
    release: str | None = None
    """Release digest; None for a stop."""
    version: str | None = None
    identity: str | None = None
    model: str | None = None
    """Digest (C1) of the model's files: what `measured` and `reported` are compared with (D10)."""
    store: str | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    """What was applied beside the release's files: `target`, `host`, `port`, `env` and the recipe's `serve`."""
    replaces: str | None = None
    """Release digest that a rollback replaced, blocked here from the moment this is verified (D8)."""
    replaced_version: str | None = None
    by: str | None = None
    origin: str = "cli"
    url: str | None = None
    reason: str | None = None
    commit: str | None = None
    started: str = ""
    finished: str | None = None
    proof: list[str] = msgspec.field(default_factory=list)
    window: dict[str, float] = msgspec.field(default_factory=dict)
    """What was measured of the servers after their proof (D13): the worst of all."""
    decided_on: list[str] = msgspec.field(default_factory=list)
    """Digests of the evidence that the decision to deploy rested on."""
    failure: str | None = None
    """The first cause, in one line."""
    restored: str | None = None
    """What was restored after a failure: a version, or `nothing`."""
    broken: str | None = None
    """Why what ran before could not be restored (exit code 6)."""
    downtime: float | None = None
    """Seconds without a ready server during this rollout."""
    report: str | None = None
    """Path of the attempt report of a failed rollout."""


class Source(Base, frozen=True, kw_only=True):
    """Where policy comes from: kept by the environment from its first revision (P4)."""

    remote: str | None = None
    """The remote's host and path without user, scheme or `.git`; None: a repository without a remote."""
    repository: str | None = None
    """Without a remote: real path of git's common folder."""
    branch: str | None = None
    path: str = "model.yaml"


class Note(Base, frozen=True, kw_only=True):
    """A person's act on an environment: `adopt` or `unblock`, with reason."""

    action: str
    reason: str
    by: str | None = None
    time: str = ""
    release: str | None = None
    revision: int = 0
    """The newest revision when an `unblock` was written: what it comes after, without asking clocks."""


class Place(Base, frozen=True, kw_only=True):
    """What an environment keeps of itself beside its revisions."""

    model: str
    environment: str
    source: Source
    policy: dict[str, Any] | None = None
    """The last policy block (an `Environment` of model.yaml) read from the protected branch (P2, D8)."""
    notes: list[Note] = msgspec.field(default_factory=list)
