"""Where the documents and bytes of one store lie: a folder, or a repository of a registry (S1).

Both hold the same three things, in the words of the OCI specifications: blobs named by their digest,
manifests over them, and tags that name manifests. What a store makes of these is the same in both
(oci.py), so that a release and its evidence have the same bytes and digests wherever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from model_devops.adapters.registry.address import Address
from model_devops.release.blobs import Meter, Readable
from model_devops.release.packing import Entry

T = TypeVar("T")
R = TypeVar("R")
Content = Callable[[Meter], Iterable[bytes]]
"""Makes bytes as often as it is asked, and tells the meter."""


class BlobStore(Protocol):
    """Bytes named by their SHA-256. What is written is whole or not there at all."""

    @property
    def location(self) -> str:
        """Where they lie, for messages."""

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is here with this size (its bytes are not read)."""

    def size(self, digest: str) -> int | None:
        """The size of a blob; None where it isn't here, -1 where nobody tells."""

    def read(self, digest: str) -> bytes:
        """The bytes of a document, their hash checked. Raises RefusedError (`bytes-gone`, `bytes-differ`)."""

    def put(self, data: bytes) -> str:
        """Store a document and return its digest."""

    def copy(self, source: Path, known: Entry | None, meter: Meter) -> Entry:
        """Store a file. `known` (sha256 hex, size): not read where those bytes are here.

        Raises RefusedError (kind `changed`) where the file changes while it is read or isn't what is known.
        """

    def add(self, size: int, content: Content, meter: Meter) -> str:
        """Store `size` bytes that `content` makes, each time the same; returns their digest."""

    def take(self, other: BlobStore, digest: str, size: int, meter: Meter) -> None:
        """Copy a blob from elsewhere, its hash checked. Raises RefusedError as `read` does."""

    def open(self, digest: str, offset: int = 0) -> AbstractContextManager[Readable]:
        """A blob for reading; the caller checks its hash. Raises RefusedError (kind `bytes-gone`).

        `read` gives fewer bytes than asked only at the end.
        """

    def settle(self) -> None:
        """Make all blobs written so far survive a power loss: before anything names them."""


class Listing(Protocol):
    """What a repository holds, as of one reading."""

    @property
    def ordered(self) -> bool:
        """Whether tags come in the order in which they were written."""

    def tags(self) -> list[str]:
        """All tags."""

    def digest(self, tag: str) -> str | None:
        """The digest of the manifest that has this tag."""

    def holds(self, digest: str) -> bool:
        """Whether a manifest of this digest is here, under whatever tag."""

    def others(self, release: str | None) -> list[str]:
        """Digests of manifests without a statement's tag that may be statements (about this release)."""

    def put(self, manifest: bytes, artifact_type: str, tag: str) -> None:
        """Store a manifest under a tag, in place of what had that tag."""


class Repository(Protocol):
    """One store's documents and bytes."""

    @property
    def location(self) -> str:
        """Its address, for messages."""

    @property
    def image_home(self) -> Address | None:
        """Where the container images of releases that were copied here lie; None: where they were built."""

    @property
    def locks(self) -> bool:
        """Whether `changing` keeps other writers away."""

    @property
    def blobs(self) -> BlobStore:
        """The bytes."""

    def prepare(self) -> None:
        """Make ready to be written to, and try it. See `Store.prepare`."""

    def manifest(self, digest: str) -> bytes:
        """A manifest, its hash checked. Raises RefusedError (`bytes-gone`, `bytes-differ`)."""

    def listing(self) -> Listing:
        """What is here now. Raises UnreachableError where that can't be known (S4)."""

    def changing(self) -> AbstractContextManager[Listing]:
        """What is here, to be changed; where there can be a lock, it is held."""

    def remove(self, digests: Sequence[str]) -> None:
        """Remove manifests with all their tags, in this order, and the bytes that nothing names any more.

        Raises RefusedError (kind `not-removable`) where this repository lets nobody remove anything.
        """

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`function` of every item, in order; at once where waiting for answers takes the time."""
