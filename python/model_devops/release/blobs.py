"""A folder of blobs named by their SHA-256: written whole or not at all, read with their hash checked (S1).

A new blob is streamed once: read, hashed and written to a temporary file of the same file system,
then renamed to its digest. Files are flushed one by one before the rename, because a name must never
stand for bytes that a power loss can take; their names are flushed once, by `settle`, before anything
refers to them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from model_devops import faults
from model_devops.adapters.files import LEFTOVER_AGE, TEMPORARY, sweep, sync_folder
from model_devops.errors import RefusedError, UnreachableError, UsageError
from model_devops.progress import Advance

if TYPE_CHECKING:
    from model_devops.release.repository import BlobStore, Content

CHUNK = 1 << 20
HASHED = 1 << 18
"""Bytes that are hashed at a time: they are still in the processor's cache."""
#: No document (manifest, config, record, statement) is read into memory beyond this many bytes.
LARGEST_DOCUMENT = 64 << 20

T = TypeVar("T")


class Readable(Protocol):
    """A binary stream, buffered or not."""

    def read(self, size: int, /) -> bytes | None:
        """Up to `size` bytes; nothing at the end."""


class Cancelled(Exception):
    """Another file of the same batch failed: stop copying."""


class Meter:
    """Counts the bytes of a batch of files and stops the whole batch when one of them fails."""

    def __init__(self, advance: Advance | None = None) -> None:
        self._advance = advance
        self._lock = threading.Lock()
        self._stopped = False

    def add(self, size: int) -> None:
        """Report `size` more bytes. Raises Cancelled once the batch has failed."""
        if self._stopped:
            raise Cancelled
        if self._advance is not None:
            with self._lock:
                self._advance(size)

    def stop(self) -> None:
        """Make every thread of the batch end at its next chunk."""
        self._stopped = True


def each(function: Callable[[T], object], items: Sequence[T], meter: Meter) -> None:
    """Call `function` for every item on as many threads as there are processors (hashing frees the interpreter).

    Raises the first real error after all threads have ended, so that nothing writes any more.
    """
    if len(items) < 2:
        for item in items:
            function(item)
        return
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        futures = [pool.submit(_stopping, function, item, meter) for item in items]
        try:
            errors = [error for future in futures if (error := future.exception()) is not None]
        except BaseException:  # a signal: end the threads soon instead of after the last gigabyte
            meter.stop()
            raise
    for error in sorted(errors, key=lambda error: isinstance(error, Cancelled)):
        raise error


def _stopping(function: Callable[[T], object], item: T, meter: Meter) -> None:
    try:
        function(item)
    except BaseException:
        meter.stop()
        raise


@contextlib.contextmanager
def writing(folder: Path, need: int = 0) -> Iterator[None]:
    """Say in plain words why a write below `folder` failed. `need`: bytes that were to be written.

    Raises UnreachableError (kind `disk-full`) or UsageError (kind `read-only`); other errors pass.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UnreachableError(
                f"the disk is full: writing {need} bytes to {folder} failed ({error.strerror})",
                kind="disk-full",
                hint=f"free {_missing(folder, need)} bytes in {folder} and run the same command again;"
                " nothing was left half written",
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise UsageError(
                f"{folder} can't be written: {error.strerror}",
                kind="read-only",
                hint="make the folder writable for this user, or name another one",
            ) from error
        raise


def _missing(folder: Path, need: int) -> int:
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return max(need - status.f_bavail * status.f_frsize, min(need, CHUNK), 1)


def hash_stream(stream: Readable, meter: Meter, sink: Callable[[bytes], object] | None = None) -> str:
    """`sha256:…` of what is left in `stream`, which goes to `sink` on the way."""
    sha256 = hashlib.sha256()
    while piece := stream.read(HASHED):
        sha256.update(piece)
        if sink is not None:
            sink(piece)
        meter.add(len(piece))
    return "sha256:" + sha256.hexdigest()


class Exactly:
    """A stream of a blob that has `size` bytes: whoever says fewer may not fill a disk."""

    def __init__(self, stream: Readable, size: int, what: str, where: object) -> None:
        self._stream, self._left = stream, size
        self._error = differs(f"{what} doesn't have the {size} bytes that its release names", where)

    def read(self, size: int, /) -> bytes:
        """As the stream; raises RefusedError (kind `bytes-differ`) for bytes beyond its size."""
        piece = self._stream.read(size) or b""
        self._left -= len(piece)
        if self._left < 0:
            raise self._error
        return piece

    def end(self) -> None:
        """Raise RefusedError where bytes are missing."""
        if self._left:
            raise self._error


@contextlib.contextmanager
def whole(blobs: BlobStore, digest: str, size: int) -> Iterator[Exactly]:
    """A blob for reading to its end, of exactly this size; the caller checks its hash."""
    with blobs.open(digest) as stream:
        exactly = Exactly(stream, size, f"blob {digest}", blobs.location)
        yield exactly
        exactly.end()


class Blobs:
    """The folder `blobs/sha256` of an OCI image layout."""

    def __init__(self, layout: Path) -> None:
        self.folder = layout / "blobs" / "sha256"

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    def path(self, digest: str) -> Path:
        """Where the blob `sha256:…` lies. Raises ValueError for anything that is no digest."""
        algorithm, _, hexdigits = digest.partition(":")
        if algorithm != "sha256" or len(hexdigits) != 64 or set(hexdigits) - set("0123456789abcdef"):
            raise ValueError(f"not a SHA-256 digest: {digest!r}")
        return self.folder / hexdigits

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is here with this size (its bytes are not read)."""
        return self.size(digest) == size

    def size(self, digest: str) -> int | None:
        """The size of a blob; None where it isn't here."""
        try:
            return self.path(digest).stat().st_size
        except (OSError, ValueError):
            return None

    def read(self, digest: str) -> bytes:
        """The bytes of a document, their hash checked. Raises RefusedError (`bytes-gone`, `bytes-differ`)."""
        with self.open(digest) as stream:
            data = stream.read(LARGEST_DOCUMENT)
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise differs(f"blob {digest} has other bytes", self.folder)
        return data

    def put(self, data: bytes) -> str:
        """Store a document and return its digest. A damaged blob of that name is healed."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        with contextlib.suppress(RefusedError):
            self.read(digest)
            return digest
        with self.writer(len(data)) as writer:
            writer.write(data)
            return writer.commit()

    def copy(self, source: Path, known: tuple[str, int] | None, meter: Meter) -> tuple[str, int]:
        """Store a file, read once, or not at all where `known` (sha256 hex, size) names bytes that are here.

        Raises RefusedError (kind `changed`) where the file changes while it is read or isn't what is known.
        """
        if known is not None and self._again("sha256:" + known[0], known[1]):
            meter.add(known[1])
            return known
        with open_source(source) as stream:
            before = os.fstat(stream.fileno())
            with self.writer(before.st_size) as writer:
                for piece in pieces(stream, before.st_size):
                    writer.write(piece)
                    meter.add(len(piece))
                entry = (writer.hexdigest, writer.size)
                check_unchanged(source, stream, before, entry, known)
                writer.commit()
        return entry

    def add(self, size: int, content: Content, meter: Meter) -> str:
        """Store bytes of about `size` that `content` makes; returns their digest."""
        with self.writer(size) as writer:
            for piece in content(meter):
                writer.write(piece)
            return writer.commit()

    def take(self, other: BlobStore, digest: str, size: int, meter: Meter) -> None:
        """Copy a blob from another folder, hashed on the way. Raises RefusedError as `read` does."""
        if self._again(digest, size):
            meter.add(size)
            return
        with other.open(digest) as stream, self.writer(size) as writer:
            if hash_stream(stream, meter, writer.write) != digest:
                raise differs(f"blob {digest} has other bytes", other.location)
            writer.commit()

    def open(self, digest: str, offset: int = 0) -> BinaryIO:
        """A blob for reading; the caller checks its hash. Raises RefusedError (kind `bytes-gone`)."""
        try:
            stream = open(self.path(digest), "rb")  # noqa: SIM115  closed by who reads it
            stream.seek(offset)
            return stream
        except (OSError, ValueError) as error:
            raise gone(f"blob {digest} is missing", self.folder) from error

    @contextlib.contextmanager
    def writer(self, need: int) -> Iterator[Writer]:
        """A new blob of about `need` bytes; what isn't committed at the end is removed."""
        with writing(self.folder, need):
            name = self.folder / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(6)}"
            with open(name, "xb", buffering=0) as stream:
                try:
                    yield Writer(stream, name, self.folder)
                finally:
                    name.unlink(missing_ok=True)

    def settle(self) -> None:
        """Make the names of all blobs written so far survive a power loss."""
        with writing(self.folder):
            sync_folder(self.folder)

    def collect(self, named: set[str]) -> None:
        """Remove blobs that nothing names. Who calls holds the index's lock; young ones may be of a build under way."""
        old = time.time() - LEFTOVER_AGE
        for entry in os.scandir(self.folder):
            if len(entry.name) == 64 and f"sha256:{entry.name}" not in named:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime < old:
                        os.unlink(entry.path)

    def _again(self, digest: str, size: int) -> bool:
        """Whether a blob is here to be named once more; from now on it is young again (see `collect`)."""
        if not self.has(digest, size):
            return False
        with contextlib.suppress(OSError):  # another user's store: it is collected by nobody but its owner
            os.utime(self.path(digest))
        return True

    def sweep(self) -> None:
        """Remove temporary files that a killed process left here or in the layout's folder."""
        sweep(self.folder)
        sweep(self.folder.parent.parent)


class Writer:
    """A blob that is being written. Nothing is seen of it before `commit`."""

    def __init__(self, stream: FileIO, name: Path, folder: Path) -> None:
        self._stream = stream
        self._name = name
        self._folder = folder
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def hexdigest(self) -> str:
        """SHA-256 of what was written so far."""
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._sha256.update(data)
        write_all(self._stream, data)
        self.size += len(data)
        faults.point("store.mid-blob")

    def commit(self) -> str:
        """Flush the bytes, give the blob its name and return it as `sha256:…`."""
        os.fsync(self._stream.fileno())
        os.chmod(self._name, 0o444)
        faults.point("store.before-blob-rename")
        os.replace(self._name, self._folder / self.hexdigest)
        return "sha256:" + self.hexdigest


def write_all(stream: FileIO, data: bytes) -> None:
    """Write all bytes to an unbuffered file."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def open_source(source: Path) -> FileIO:
    """Open a file that is to be stored. Raises RefusedError (kind `changed`) where it went away."""
    try:
        return open(source, "rb", buffering=0)
    except OSError as error:
        raise _changed(source, f"can't be read any more: {error.strerror}") from error


def pieces(stream: FileIO, size: int) -> Iterator[bytes]:
    """A file in chunks; it ends soon after `size` bytes, also where another process goes on appending."""
    while size >= 0 and (piece := stream.read(CHUNK)):
        size -= len(piece)
        yield piece


def check_unchanged(
    source: Path, stream: FileIO, before: os.stat_result, entry: tuple[str, int], known: tuple[str, int] | None
) -> None:
    """Raise RefusedError (kind `changed`) where the file isn't what it was when reading began, or what is known."""
    after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or entry[1] != before.st_size:
        raise _changed(source, "changed while it was read")
    if known is not None and entry != known:
        raise _changed(source, "changed after it was hashed")


def _changed(source: Path, what: str) -> RefusedError:
    return RefusedError(
        f"{source} {what}", kind="changed", hint="make sure that nothing writes the release's files, then build again"
    )


def gone(what: str, where: object) -> RefusedError:
    """The error for bytes that a store ought to have."""
    return RefusedError(f"{what} in {where}", kind="bytes-gone", hint=HEAL)


def differs(what: str, where: object) -> RefusedError:
    """The error for bytes that are not what their digest says."""
    return RefusedError(f"{what} in {where}", kind="bytes-differ", hint=HEAL)


HEAL = (
    "`model-devops release verify` lists all damage; building the same commit again on a machine that has the bytes,"
    " or `model-devops store join` with a good copy, brings them back"
)
