"""What is sent, readable from any offset: an upload that broke goes on from there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from model_devops.release.blobs import Readable, open_source


@contextlib.contextmanager
def opened(source: Path, offset: int) -> Iterator[FileIO]:
    """A file. Raises RefusedError (kind `changed`) where it went away."""
    with open_source(source) as stream:
        stream.seek(offset)
        yield stream


@contextlib.contextmanager
def made(pieces: Iterable[bytes], offset: int) -> Iterator[Readable]:
    """Bytes that are made anew, those before the offset passed over."""
    made_anew = _Made(iter(pieces))
    while offset and (passed := made_anew.read(min(offset, 1 << 20))):
        offset -= len(passed)
    yield made_anew


class _Made:
    """An iterator of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; nothing only at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        found, self._rest = self._rest[:size], self._rest[size:]
        return bytes(found)
