"""What of a release is gone or has another size, without reading its bytes: asked at each deploy and rollback (D12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from model_devops.errors import Problem, RefusedError
from model_devops.release.blobs import HEAL, differs, gone

if TYPE_CHECKING:
    from model_devops.release.repository import BlobStore
    from model_devops.release.store import Store, Stored


DAMAGE = ("bytes-gone", "bytes-differ")
"""Kinds of errors that say what the bytes are; all others say that this isn't known."""


def damage(error: RefusedError) -> RefusedError:
    """The error, where it says that something is gone or different; else it is raised."""
    if error.kind not in DAMAGE:
        raise error
    return error


def wrong(blobs: BlobStore, name: str, digest: str, size: int) -> RefusedError | None:
    """Why a blob can't be what a release names: it is missing, or has another size."""
    if blobs.has(digest, size):
        return None
    if blobs.size(digest) is None:
        return gone(f"{name} ({digest}) is missing", blobs.location)
    return differs(f"{name} ({digest}) doesn't have the {size} bytes that the release names", blobs.location)


def wrong_document(blobs: BlobStore, name: str, digest: str, size: int) -> RefusedError | None:
    """The same for a small document, which is hashed too."""
    found = wrong(blobs, name, digest, size)
    if found is None:
        try:
            blobs.read(digest)
        except RefusedError as error:
            return RefusedError(f"{name}: {error.message}", kind=error.kind, hint=error.hint)
    return found


def refuse_lacking(store: Store, release: Stored) -> None:
    """Raise RefusedError (`bytes-gone`, `bytes-differ`) naming all that a release and its image lack.

    Raises UnreachableError where that can't be known.
    """
    image = release.record.image
    refuse(release, store.lacking(release) + (store.images.lacking(image) if image else []))


def refuse(release: Stored, found: Sequence[RefusedError]) -> None:
    """Raise what was found as one error, if anything was."""
    if found:
        problems = [Problem(one.message) for one in found] if len(found) > 1 else []
        what = found[0].message if len(found) == 1 else f"{len(found)} parts of it are gone or different"
        title = f"{release.record.name} {release.version} is not whole: {what}"
        raise RefusedError(title, kind=found[0].kind, problems=problems, hint=HEAL)
