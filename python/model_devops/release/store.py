"""What a store of releases can do; the domain knows only this (S).

One store holds the releases of one model. `layout.py` is a folder in the OCI image layout; a
registry will be the second. Releases are looked up by version or by release digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from model_devops.release.evidence import Body, Evidence
from model_devops.release.record import Record


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

    def put_files(self, sources: dict[str, dict[str, Path]], layout: dict[str, str]) -> PackedFiles:
        """Store the bytes of all artifacts: {artifact: {path in artifact: file on disk}} (V5: before the claim).

        Idempotent. Refuses (4, kind `changed`) where a file changes while it is read.
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
        """Whether every blob that the release names is here with the right size (no hashing)."""

    def verify(self, release: Stored) -> list[str]:
        """Hash all bytes of the release; returns what is missing or different, one message each."""

    def packed(self, release: Stored) -> PackedFiles:
        """The files of a stored release, so that another record can be bound to the same bytes."""

    def materialise(self, release: Stored, target: Path, artifacts: tuple[str, ...] | None = None) -> None:
        """Write the release's files below `target` as model.yaml's folder has them; hashed while copying.

        Raises RefusedError (kind `bytes-gone`/`bytes-differ`) naming the file. Existing files are replaced.
        """

    def read_file(self, release: Stored, artifact: str, path: str) -> bytes:
        """The bytes of one small file of an artifact (recipe, params, runtime)."""

    def files(self, release: Stored, artifact: str) -> dict[str, tuple[str, int]]:
        """{path in artifact: (sha256 hex, size)} of one artifact."""

    def add_evidence(self, release: str, body: Body) -> Evidence:
        """Attach a statement; fills `supersedes` with the newest of its kind (and environment)."""

    def evidence(self, release: str | None = None, kind: str | None = None) -> list[Evidence]:
        """Statements about one release digest, or all. Withdrawn ones are included: see `standing`."""

    def export(self, release: Stored, target: Path) -> None:
        """Copy the release with its evidence into an OCI image layout of its own."""


class PackedFiles(Protocol):
    """Files whose bytes lie in a store, by artifact, and the layers they are in."""

    @property
    def files(self) -> dict[str, dict[str, tuple[str, int]]]:
        """{artifact: {path: (sha256 hex, size)}}."""

    @property
    def layers(self) -> list[dict[str, object]]:
        """OCI descriptors of the layers, in manifest order, without the record."""


def newest(evidence: list[Evidence]) -> list[Evidence]:
    """Those that no other of the list supersedes (S3): usually one; several after concurrent writers."""
    named = {digest for item in evidence for digest in item.body.supersedes}
    return [item for item in evidence if item.digest not in named]


def standing(evidence: list[Evidence]) -> list[Evidence]:
    """Those that no `withdrawn` in the list ends (S5)."""
    ended = {item.body.statement for item in evidence if item.kind == "withdrawn"}  # type: ignore[attr-defined]
    return [item for item in evidence if item.digest not in ended]


def chunks(stream: BinaryIO, size: int = 1 << 20) -> Iterator[bytes]:
    """Read a stream in pieces of constant size."""
    while piece := stream.read(size):
        yield piece
