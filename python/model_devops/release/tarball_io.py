"""Writing and reading an artifact's tar layer as a stream: constant memory, every byte hashed once each way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.release import tarball
from model_devops.release.blobs import CHUNK, Meter, check_unchanged, differs, open_source, pieces, whole
from model_devops.release.packing import Entry, Layer, path_order, safe_path

if TYPE_CHECKING:
    from model_devops.release.repository import BlobStore

Sink = Callable[[str, int], Callable[[bytes], object]]
"""Given a member's path and size, returns what takes its bytes."""


def write(
    blobs: BlobStore, artifact: str, sources: Mapping[str, Path], known: Mapping[str, Entry], meter: Meter
) -> tuple[str, int, dict[str, Entry]]:
    """Store files as one tar layer: (digest, size, {path: entry}). `known` as in `BlobStore.copy`."""
    entries: dict[str, Entry] = {}
    sizes = {path: source.stat().st_size for path, source in sources.items()}
    size = tarball.length({f"{artifact}/{path}": size for path, size in sizes.items()})

    def content(meter: Meter) -> Iterator[bytes]:
        for path in path_order(sources):
            yield from _member(f"{artifact}/{path}", sources[path], known.get(path), meter, path, entries)
        yield tarball.END

    return blobs.add(size, lambda meter: _chunks(content(meter)), meter), size, entries


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Collects small pieces, so that 100,000 files don't become 300,000 writes."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _member(
    name: str, source: Path, known: Entry | None, meter: Meter, path: str, entries: dict[str, Entry]
) -> Iterator[bytes]:
    with open_source(source) as stream:
        before = os.fstat(stream.fileno())
        yield tarball.header(name, before.st_size)
        sha256, size = hashlib.sha256(), 0
        for piece in pieces(stream, before.st_size):
            sha256.update(piece)
            size += len(piece)
            yield piece
            meter.add(len(piece))
        entry = entries[path] = (sha256.hexdigest(), size)
        check_unchanged(source, stream, before, entry, known)
        yield tarball.padding(size)


def scan(blobs: BlobStore, layer: Layer, meter: Meter, sink: Sink | None = None) -> dict[str, Entry]:
    """{path: entry} of a tar layer; its bytes go to `sink`, which must trust nothing before this returns.

    Raises RefusedError (`bytes-gone`, `bytes-differ`) for anything but the layer's own bytes.
    """
    entries: dict[str, Entry] = {}
    with whole(blobs, layer.digest, layer.size) as stream:
        sha256 = hashlib.sha256()

        def read(size: int) -> bytes:
            data = stream.read(size)
            sha256.update(data)
            meter.add(len(data))
            return data

        try:
            for member in tarball.members(read):
                path = _path(layer, member.name, entries)
                entries[path] = _content(read, member.size, sink(path, member.size) if sink else None)
        except ValueError as error:
            raise differs(f"{layer.artifact}.tar (blob {layer.digest}) is damaged: {error}", blobs.location) from error
        if "sha256:" + sha256.hexdigest() != layer.digest:
            raise differs(f"{layer.artifact}.tar (blob {layer.digest}) has other bytes", blobs.location)
    return entries


def _path(layer: Layer, name: str, seen: dict[str, Entry]) -> str:
    artifact, _, path = name.partition("/")
    if artifact != layer.artifact:
        raise ValueError(f"{name!r} belongs to another artifact")
    if seen and path.encode() <= next(reversed(seen)).encode():
        raise ValueError(f"{name!r} is out of order")
    return safe_path(path)


def _content(read: tarball.Read, size: int, sink: Callable[[bytes], object] | None) -> Entry:
    sha256, left = hashlib.sha256(), size
    while left:
        piece = read(min(left, CHUNK))
        if not piece:
            raise ValueError("it ends early")
        sha256.update(piece)
        if sink is not None:
            sink(piece)
        left -= len(piece)
    return sha256.hexdigest(), size
