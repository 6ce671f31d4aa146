"""What a store of releases can do; the domain knows only this (S).

One store holds the releases of one model. Releases are looked up by version or by release digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from model_devops.release.evidence import Body, Evidence
from model_devops.release.record import Record

if TYPE_CHECKING:
    from semver import Version

    from model_devops.adapters.keys import Signer
    from model_devops.errors import RefusedError
    from model_devops.release.images import StoreImages


class Stored:
    """A release in a store: its digest (of the OCI manifest) and its record."""

    __slots__ = ("digest", "record")

    def __init__(self, digest: str, record: Record) -> None:
        self.digest = digest
        self.record = record

    @property
    def version(self) -> str:
        """The record's version."""
        return self.record.version


class Store(Protocol):
    """Releases and evidence of one model. Every write is atomic; what is read is verified."""

    @property
    def location(self) -> str:
        """The store's address, for messages."""

    @property
    def images(self) -> StoreImages:
        """The releases' container images."""

    def prepare(self) -> None:
        """Make the store ready to be written to, and try it: a build asks before it trains.

        Raises UsageError (kind `read-only`, or `key`: see `signer`) or UnreachableError (kind `disk-full`).
        """

    @property
    def signer(self) -> Signer | None:
        """The key that statements are signed with; None: they are written unsigned.

        Ask for it before long work. Raises UsageError (kind `key`) where there is one that can't be used.
        """

    def put_files(
        self,
        sources: Mapping[str, Mapping[str, Path]],
        layout: Mapping[str, str],
        *,
        known: Mapping[str, Mapping[str, tuple[str, int]]] | None = None,
    ) -> PackedFiles:
        """Store the bytes of all artifacts: {artifact: {path in artifact: file on disk}} (V5: before the claim).

        `known`: {artifact: {path: (sha256 hex, size)}} where the caller has hashed the files; those whose bytes
        are here already are not read again. Idempotent. Refuses (4, kind `changed`) where a file changes while
        it is read or isn't what is known, and (`unsafe-path`) what could not be put in place again.
        """

    def describe(self, packed: PackedFiles, record: Record) -> tuple[str, bytes]:
        """Release digest and manifest bytes that these files and this record come to. Writes nothing."""

    def name(self, packed: PackedFiles, record: Record) -> Stored:
        """Write record and manifest and list them under the record's version (V5: after the claim).

        Idempotent. Raises RefusedError (kind `other-content`) where the version has another content (V6).
        """

    def find(self, reference: str) -> Stored | None:
        """The release of this version or release digest, or None."""

    def releases(self) -> list[Stored]:
        """All releases, finals and pre-releases, lowest version first (pre-releases by SemVer)."""

    def has_bytes(self, release: Stored) -> bool:
        """Whether every blob that the release names is here with the right size (no hashing), its image aside."""

    def lacking(self, release: Stored) -> list[RefusedError]:
        """What of these blobs is gone (`bytes-gone`) or has another size (`bytes-differ`), one error each."""

    def verify(self, release: Stored, *, memo: dict[str, Any] | None = None) -> list[str]:
        """Hash all bytes of the release and of its image, and compare its files with the record's identity.

        Returns what is missing or different, one message each. One `memo` for several releases: bytes that they
        share are hashed once.
        """

    def problems(self) -> list[str]:
        """Damage of the store as such: entries whose blobs are missing, statements that can't be read."""

    def packed(self, release: Stored) -> PackedFiles:
        """The files of a stored release, so that another record can be bound to the same bytes."""

    def materialise(
        self,
        release: Stored,
        target: Path,
        artifacts: tuple[str, ...] | None = None,
    ) -> None:
        """Write the release's files below `target` as model.yaml's folder has them; hashed while copying.

        Without `artifacts`: those that the record's `layout` has a folder for. Nothing is put in place before
        every byte was right. Raises RefusedError (kind `bytes-gone`/`bytes-differ`/`unsafe-path`) naming the
        file. Existing files are replaced, others stay.
        """

    def read_file(self, release: Stored, artifact: str, path: str) -> bytes:
        """The bytes of one small file of an artifact (recipe, params, runtime)."""

    def files(self, release: Stored, artifact: str) -> dict[str, tuple[str, int]]:
        """{path in artifact: (sha256 hex, size)} of one artifact."""

    def add_evidence(self, release: str, body: Body) -> Evidence:
        """Attach a statement; fills `supersedes` with the newest of its kind (and environment).

        Raises RefusedError (kind `unknown-release`).
        """

    def evidence(self, release: str | None = None, kind: str | None = None) -> list[Evidence]:
        """Statements about one release digest, or all, oldest first. Withdrawn ones are included: see standing.py.

        Raises UnreachableError (kind `incomplete`) where one that may belong to the listing can't be read (S4).
        """


class PackedFiles(Protocol):
    """Files whose bytes lie in a store, by artifact, and the layers they are in."""

    @property
    def files(self) -> dict[str, dict[str, tuple[str, int]]]:
        """{artifact: {path: (sha256 hex, size)}}."""

    @property
    def layers(self) -> list[dict[str, Any]]:
        """OCI descriptors of the layers, in manifest order, without the record."""


def order(version: str) -> Version:
    """A key that sorts versions by SemVer. Raises ValueError for what is no version."""
    from semver import Version

    return Version.parse(version)
