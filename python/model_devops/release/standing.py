"""What the evidence comes to: which statements stand, which count, what is revoked or rejected (S3, S5–S7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from model_devops.release.evidence import Built, Evidence, Tested, Withdrawn
from model_devops.release.record import Identity
from model_devops.release.store import Store, Stored

Accept = Callable[[Evidence], bool]
"""Whether a `withdrawn` counts: an environment may ask who wrote it (S5)."""


def anyone(_: Evidence) -> bool:
    """Every withdrawal counts."""
    return True


def standing(evidence: Iterable[Evidence], accept: Accept = anyone) -> list[Evidence]:
    """Those statements that no `withdrawn` about the same release ends. A `withdrawn` always stands (S5).

    With a statement ends every copy of it: else one that was withdrawn would come back under another manifest.
    """
    evidence = list(evidence)
    ended = {
        (item.release, cast(Withdrawn, item.body).statement)
        for item in evidence
        if item.kind == "withdrawn" and accept(item)
    }
    copies = {(item.release, item.statement) for item in evidence if item.statement and _name(item) in ended}
    return [
        item
        for item in evidence
        if item.kind == "withdrawn" or not (_name(item) in ended or (item.release, item.statement) in copies)
    ]


def _name(item: Evidence) -> tuple[str, str]:
    return item.release, item.digest


def counting(evidence: Iterable[Evidence], accept: Accept = anyone, among: Accept = anyone) -> list[Evidence]:
    """The newest of those that stand: usually one; after concurrent writers several, and the worst counts (S3).

    Give it one kind, of one release and environment, together with its withdrawals. A statement that stands
    comes after all that it names, and after all that those name, also where one between was withdrawn or is
    not `among` those asked for (T2: a test on a branch neither counts nor hides the one before it).
    """
    evidence = list(evidence)
    names = {item.digest: item.body.supersedes for item in evidence}
    stand = [item for item in standing(evidence, accept) if item.kind != "withdrawn" and among(item)]
    older: set[str] = set()
    ahead = [digest for item in stand for digest in names[item.digest]]
    while ahead:
        digest = ahead.pop()
        if digest not in older:
            older.add(digest)
            ahead += names.get(digest, [])
    return [item for item in stand if item.digest not in older]


def latest(
    store: Store, release: str, kind: str, environment: str | None = None, accept: Accept = anyone
) -> list[Evidence]:
    """What counts of one kind about a release, in one environment where the kind has one (see `counting`)."""
    return counting(
        [
            item
            for item in store.evidence(release)
            if item.kind == "withdrawn"
            or (item.kind == kind and (environment is None or getattr(item.body, "environment", None) == environment))
        ],
        accept,
    )


def revocations(store: Store, identity: Identity | str, accept: Accept = anyone) -> list[Evidence]:
    """The standing `revoked` about any release of this identity (S6)."""
    return _of_identity(store, identity, "revoked", accept)


def is_revoked(store: Store, identity: Identity | str, accept: Accept = anyone) -> bool:
    """Whether any release of this identity is revoked (S6)."""
    return bool(revocations(store, identity, accept))


def rejections(store: Store, identity: Identity | str, accept: Accept = anyone) -> list[Evidence]:
    """The standing `rejected` about any release of this identity, in any environment (A3)."""
    return _of_identity(store, identity, "rejected", accept)


def is_rejected(store: Store, identity: Identity | str, accept: Accept = anyone) -> bool:
    """Whether users rejected any release of this identity (A3)."""
    return bool(rejections(store, identity, accept))


def rejected_weights(store: Store, identity: Identity, accept: Accept = anyone) -> list[Evidence]:
    """The standing `rejected` about releases of other identities with the same weights: no bar, but worth saying."""
    model = identity.artifacts.get("model")
    return _standing_about(
        store, "rejected", accept, lambda other: other != identity and other.artifacts.get("model") == model
    )


def _of_identity(store: Store, identity: Identity | str, kind: str, accept: Accept) -> list[Evidence]:
    wanted = identity if isinstance(identity, str) else identity.digest
    return _standing_about(store, kind, accept, lambda other: other.digest == wanted)


def _standing_about(store: Store, kind: str, accept: Accept, fits: Callable[[Identity], bool]) -> list[Evidence]:
    """The statements of a kind that stand about any release whose identity fits."""
    digests = {stored.digest for stored in store.releases() if fits(stored.record.identity)}
    about = [item for item in store.evidence() if item.release in digests] if digests else []
    return [item for item in standing(about, accept) if item.kind == kind]


def on_release_branch(item: Evidence) -> bool:
    """Whether a build or test was made from a commit of the release branch, its tree clean, as it says itself (T2)."""
    body = item.body
    if not isinstance(body, (Built, Tested)) or body.commit is None or not body.on_release_branch:
        return False
    return not (isinstance(body, Tested) and body.dirty)


def built_here(store: Store, release: Stored) -> bool:
    """Whether the store has the word of the build that the record names, or a person's instead (S7)."""
    return bool(build_words(store.evidence(release.digest), release))


def build_words(evidence: Iterable[Evidence], release: Stored, accept: Accept = anyone) -> list[Evidence]:
    """The word of the build that made a release, and what persons said in its place (S7)."""
    build = release.record.origin.build_id
    stand = standing(evidence, accept)
    return [item for item in stand if item.kind == "accepted" or (item.kind == "built" and item.body.id == build)]
