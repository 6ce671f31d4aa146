"""The bytes of a store in a registry: streamed both ways, without a copy on the disk, never sent twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from model_devops.adapters.registry.client import Client
from model_devops.adapters.registry.uploads import Open
from model_devops.errors import UnreachableError
from model_devops.release.blobs import (
    LARGEST_DOCUMENT,
    Meter,
    Readable,
    check_unchanged,
    differs,
    gone,
    open_source,
)
from model_devops.release.packing import Entry, digest_of
from model_devops.release.registry.sources import made, opened
from model_devops.release.repository import BlobStore, Content

LARGEST_KEPT = 1 << 20
"""Bytes of a document that is kept in memory, so that it is read once."""
WORTH_A_TURN = 1 << 16
"""Bytes that take longer to hash than to hand to a thread."""


class RegistryBlobs:
    """Blobs of one repository. Fulfils `BlobStore`; see there for what each method promises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._there: dict[str, int] = {}
        self._documents: dict[str, bytes] = {}

    @property
    def location(self) -> str:
        """`oci://HOST/PATH`."""
        return str(self._client.address)

    def has(self, digest: str, size: int) -> bool:
        """A registry that doesn't tell the size is believed."""
        return self.size(digest) in (size, -1)

    def size(self, digest: str) -> int | None:
        """Asked once for each blob that is there."""
        if digest not in self._there:
            found = self._client.blob_size(digest)
            if found is None:
                return None
            self._there[digest] = found
        return self._there[digest]

    def read(self, digest: str) -> bytes:
        """Read once by each process."""
        if digest not in self._documents:
            with self.open(digest) as stream:
                data = stream.read(LARGEST_DOCUMENT) or b""
            if digest_of(data) != digest:
                raise differs(f"blob {digest} has other bytes", self.location)
            if len(data) > LARGEST_KEPT:
                return data
            self._documents[digest] = data
        return self._documents[digest]

    def put(self, data: bytes) -> str:
        """Not sent where it is there."""
        digest = digest_of(data)
        if not self.has(digest, len(data)):
            self._client.put_blob(data)
            self._there[digest] = len(data)
        self._documents[digest] = data
        return digest

    def copy(self, source: Path, known: Entry | None, meter: Meter) -> Entry:
        """Streamed from the file; hashed on the way unless its digest is known."""
        name = None if known is None else "sha256:" + known[0]
        if known is not None and name is not None and self.has(name, known[1]):
            meter.add(known[1])
            return known
        with open_source(source) as first:
            before = os.fstat(first.fileno())

            def check(digest: str) -> None:
                entry = (digest.removeprefix("sha256:"), before.st_size)
                check_unchanged(source, first, before, entry, known)

            digest = self._client.upload(before.st_size, lambda offset: opened(source, offset), meter.add, check, name)
        self._there[digest] = before.st_size
        return digest.removeprefix("sha256:"), before.st_size

    def add(self, size: int, content: Content, meter: Meter) -> str:
        """Made twice where it isn't there yet: once to know its digest, once to send it."""
        digest = digest_of_pieces(content(Meter()))
        if self.has(digest, size):
            meter.add(size)
            return digest
        self._send(digest, size, lambda offset: made(content(Meter()), offset), meter, "what is stored")
        return digest

    def take(self, other: BlobStore, digest: str, size: int, meter: Meter) -> None:
        """Mounted where the same registry has it, else streamed from there."""
        if self.has(digest, size):
            meter.add(size)
            return
        begun = self._mount(other, digest)
        if begun is None:
            self._there[digest] = size
            meter.add(size)
        else:
            what, where = f"blob {digest}", other.location
            self._send(digest, size, lambda offset: other.open(digest, offset), meter, what, where, begun)

    def _mount(self, other: BlobStore, digest: str) -> str | None:
        """As `Client.mount`; nothing where it isn't the same registry."""
        if not isinstance(other, RegistryBlobs) or other._client.address.host != self._client.address.host:
            return ""
        return self._client.mount(digest, other._client.address.path)

    def _send(
        self, digest: str, size: int, source: Open, meter: Meter, what: str, where: object = "memory", begun: str = ""
    ) -> None:
        def check(found: str) -> None:
            if found != digest:
                raise differs(f"{what} has other bytes", where)

        self._client.upload(size, source, meter.add, check, digest, begun)
        self._there[digest] = size

    @contextlib.contextmanager
    def open(self, digest: str, offset: int = 0) -> Iterator[Readable]:
        """A stream that goes on where a connection broke."""
        try:
            with self._client.blob(digest, offset) as stream:
                yield stream
        except UnreachableError as error:
            if error.kind == "not-there":
                raise gone(f"blob {digest} is missing", self.location) from error
            raise

    def settle(self) -> None:
        """A registry has kept what it has answered for."""


def digest_of_pieces(pieces: Iterable[bytes]) -> str:
    """Of all pieces, in a thread of its own: who makes the next one hashes the file that it comes from."""
    sha256 = hashlib.sha256()
    with ThreadPoolExecutor(1) as pool:
        last: Future[None] | None = None
        for piece in pieces:
            if last:
                last.result()
            if len(piece) < WORTH_A_TURN:
                sha256.update(piece)
            else:
                last = pool.submit(sha256.update, piece)
    return "sha256:" + sha256.hexdigest()
