"""One number that means one release to its tag and another one to the store (V6).

It comes from two clones that didn't see each other's claims: one released before it had a remote, or its tags
were never pushed. The tag is the claim. What the store holds keeps its digest, and only that names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from model_devops.errors import RefusedError
from model_devops.release.store import Store, Stored
from model_devops.versioning.tags import Tag, tag_name


def contested(tags: Iterable[Tag], stored: Stored) -> Tag | None:
    """The tag that claims this release's number for another one, if any. Pre-releases have no tags (B8)."""
    claim = next((tag for tag in tags if tag.version == stored.version), None)
    return claim if claim and claim.release not in (None, stored.digest) else None


def two_releases(tag: Tag, stored: Stored, store: Store) -> str:
    """Who says what, in one sentence with both digests and commits."""
    whose = "the remote's tag" if tag.remote else "the tag"
    return (
        f"{stored.version} names two releases: {whose} {tag_name(tag.name, tag.version)} claims it for {tag.release}"
        f" (commit {str(tag.commit)[:12]}), and the store {store.location} holds {stored.digest}"
        f" (commit {str(stored.record.commit)[:12]}) under that number"
    )


def way_on(stored: Stored) -> str:
    """What becomes of the release that lost its number."""
    return (
        f"{stored.digest} stays reachable by its digest, and keeps running where it runs; no environment takes it anew."
        " To release its content again, commit it on top of the release branch and build: it gets the next number"
    )


def refuse_contested(tags: Iterable[Tag], stored: Stored, store: Store) -> None:
    """Raise RefusedError (kind `other-content`) where a number alone doesn't say which release is meant."""
    claim = contested(tags, stored)
    if claim is not None:
        raise RefusedError(
            two_releases(claim, stored, store),
            kind="other-content",
            hint="name the release by its digest instead; what the tag claims is in the store of the machine that"
            " built it. `model-devops version repair` says how to go on",
        )
