"""What a person says of a release: revoke, withdraw, accept (S5–S7)."""

from __future__ import annotations

import uuid
from typing import Any

from model_devops.adapters.clock import timestamp
from model_devops.errors import Problem, RefusedError
from model_devops.policy.person import Person
from model_devops.release.evidence import Accepted, Body, Evidence, Revoked, Withdrawn
from model_devops.release.store import Store, Stored
from model_devops.release.words import sentence


def revoke(store: Store, release: Stored, by: Person, reason: str, url: str | None) -> tuple[Evidence, list[Stored]]:
    """Revoke a release; returns the statement and the other releases that it counts for (S6)."""
    item = _say(store, release.digest, by, url, Revoked, reason=reason)
    others = [
        other
        for other in store.releases()
        if other.digest != release.digest and other.record.identity == release.record.identity
    ]
    return item, others


def withdraw(store: Store, statement: str, by: Person, reason: str, url: str | None) -> tuple[Evidence, Evidence]:
    """End a statement, named by its digest or the first digits of it; returns it and the new statement (S5)."""
    ended = _statement(store, statement)
    if ended.kind == "withdrawn":
        raise RefusedError(
            f"{ended.digest[:19]} is a withdrawal itself, and those stand for good",
            kind="not-withdrawable",
            hint="say again what was withdrawn by mistake: test, approve or revoke anew",
        )
    return ended, _say(store, ended.release, by, url, Withdrawn, reason=reason, statement=ended.digest)


def accept(store: Store, release: Stored, by: Person, reason: str, url: str | None) -> Evidence:
    """Take a release although this store lacks the word of the build that made it (S7)."""
    return _say(store, release.digest, by, url, Accepted, reason=reason)


def _statement(store: Store, reference: str) -> Evidence:
    digits = reference.removeprefix("sha256:")
    found = [item for item in store.evidence() if item.digest.removeprefix("sha256:").startswith(digits)]
    if len(found) == 1 and len(digits) >= 8:
        return found[0]
    if found:
        raise RefusedError(
            f"{reference} is not enough to name a statement",
            kind="ambiguous",
            problems=[Problem(f"{item.digest[7:23]} {item.kind} {sentence(item)}") for item in found[:20]],
            hint="give at least 8 digits that only one statement begins with",
        )
    raise RefusedError(
        f"{store.location} has no statement {reference}",
        kind="unknown-statement",
        hint="`model-devops release show RELEASE` lists the statements about a release",
    )


def _say(store: Store, release: str, by: Person, url: str | None, kind: type[Body], **said: Any) -> Evidence:
    body = kind(id=str(uuid.uuid4()), time=timestamp(), by=by.name, origin=by.origin, url=url, **said)
    return store.add_evidence(release, body)
