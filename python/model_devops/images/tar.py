"""The files of a release as one member after the other of a reproducible tar: a layer, or a Dockerfile's context.

As packing format 1 (release/tarball.py): sorted, of user and group 0, made at time 0; with folders besides, and
without a limit for sizes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from model_devops.release import tarball
from model_devops.release.blobs import Meter, check_unchanged, open_source, pieces
from model_devops.release.packing import Entry, path_order

Source = Path | bytes
LARGEST = 8 << 30
"""Sizes from here on don't fit into a header of ustar."""


def header(name: str, size: int) -> bytes:
    """What comes before a file's content."""
    raw = name.encode()
    plain = len(raw) <= 100 and name.isascii()
    records = b"" if plain else tarball.record(b"path", raw)
    records += tarball.record(b"size", b"%d" % size) if size >= LARGEST else b""
    own = tarball.block(raw if plain else b"@", size if size < LARGEST else 0, b"0")
    return (tarball.extended(records) if records else b"") + own


def folder(name: str) -> bytes:
    """A folder that all may enter."""
    raw = name.encode() + b"/"
    if len(raw) <= 100 and name.isascii():
        return tarball.block(raw, 0, b"5", b"0000755\0")
    return tarball.extended(tarball.record(b"path", raw)) + tarball.block(b"@/", 0, b"5", b"0000755\0")


def folders_of(names: Mapping[str, object]) -> list[str]:
    """All folders above these names, parents first."""
    found = {parent.as_posix() for name in names for parent in Path(name).parents} - {"."}
    return sorted(found, key=str.encode)


def length(sizes: Mapping[str, int]) -> int:
    """Bytes of the whole tar."""
    files = sum(len(header(name, size)) + size + -size % tarball.BLOCK for name, size in sizes.items())
    return files + sum(len(folder(name)) for name in folders_of(sizes)) + len(tarball.END)


def content(files: Mapping[str, tuple[Source, Entry]], meter: Meter) -> Iterator[bytes]:
    """The tar of these files: {name: (file or bytes, what it is known to be)}.

    Raises RefusedError (kind `changed`) where a file isn't what is known.
    """
    yield b"".join(folder(name) for name in folders_of(files))
    for name in path_order(files):
        source, known = files[name]
        yield header(name, known[1])
        yield from _file(source, known, meter) if isinstance(source, Path) else [source]
        yield tarball.padding(known[1])
    yield tarball.END


def _file(source: Path, known: Entry, meter: Meter) -> Iterator[bytes]:
    import hashlib

    with open_source(source) as stream:
        before = os.fstat(stream.fileno())
        sha256, size = hashlib.sha256(), 0
        for piece in pieces(stream, before.st_size):
            sha256.update(piece)
            size += len(piece)
            yield piece
            meter.add(len(piece))
        check_unchanged(source, stream, before, (sha256.hexdigest(), size), known)
