"""The bytes of a store in a registry: streamed both ways, without a copy on the disk, never sent twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
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
        """Asked once for each blob that is there."""
        if digest not in self._there:
            found = self._client.blob_size(digest)
            if found is None:
                return False
            self._there[digest] = size if found < 0 else found
        return self._there[digest] == size

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
        """Streamed from the file, and hashed on the way."""
        if known is not None and self.has("sha256:" + known[0], known[1]):
            meter.add(known[1])
            return known
        with open_source(source) as first:
            before = os.fstat(first.fileno())

            def check(digest: str) -> None:
                entry = (digest.removeprefix("sha256:"), before.st_size)
                check_unchanged(source, first, before, entry, known)

            digest = self._client.upload(before.st_size, lambda offset: opened(source, offset), meter.add, check)
        self._there[digest] = before.st_size
        return digest.removeprefix("sha256:"), before.st_size

    def add(self, size: int, content: Content, meter: Meter) -> str:
        """Made twice where it isn't there yet: once to know its digest, once to send it."""
        sha256 = hashlib.sha256()
        for piece in content(Meter()):
            sha256.update(piece)
        digest = "sha256:" + sha256.hexdigest()
        if self.has(digest, size):
            meter.add(size)
            return digest
        self._send(digest, size, lambda offset: made(content(Meter()), offset), meter, "what is stored")
        return digest

    def take(self, other: BlobStore, digest: str, size: int, meter: Meter) -> None:
        """Mounted where the same registry has it, else streamed from there."""
        if self.has(digest, size):
            meter.add(size)
        elif isinstance(other, RegistryBlobs) and self._mounted(other, digest):
            self._there[digest] = size
            meter.add(size)
        else:
            self._send(digest, size, lambda offset: other.open(digest, offset), meter, f"blob {digest}", other.location)

    def _mounted(self, other: RegistryBlobs, digest: str) -> bool:
        there = other._client.address
        return there.host == self._client.address.host and self._client.mount(digest, there.path)

    def _send(self, digest: str, size: int, source: Open, meter: Meter, what: str, where: object = "memory") -> None:
        def check(found: str) -> None:
            if found != digest:
                raise differs(f"{what} has other bytes", where)

        self._client.upload(size, source, meter.add, check)
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
