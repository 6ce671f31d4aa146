"""Files that are either the old or the new version, never half of one, whatever is killed when (S1)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from model_devops import faults

#: How the names of files begin that are being written.
TEMPORARY = ".tmp-"
#: Temporary files that nobody wrote to for this long (seconds) were left by a killed process.
LEFTOVER_AGE = 24 * 3600


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in this folder survive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes, mode: int = 0o644, *, durable: bool = True) -> None:
    """Replace `path` by `data`: temporary file, fsync, rename, fsync of the folder.

    Without `durable` nothing waits for the disk: for what a loss of power makes worthless anyway.
    """
    faults.point("file.before-write")
    with _written(path, data, mode, durable) as name:
        faults.point("file.before-rename")
        os.replace(name, path)
        faults.point("file.after-rename")


def create_exclusive(path: Path, data: bytes) -> bool:
    """Write `path` only if it does not exist yet, whole or not at all. Returns whether it was written."""
    with _written(path, data, 0o644, True) as name:
        try:
            os.link(name, path)
        except FileExistsError:
            return False
    return True


@contextlib.contextmanager
def _written(path: Path, data: bytes, mode: int, durable: bool) -> Iterator[str]:
    """A temporary file beside `path` with these bytes (on the disk); gone afterwards, and the folder flushed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = os.path.join(path.parent, f"{TEMPORARY}{os.urandom(8).hex()}")
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.chmod(name, mode)
        yield name
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk names no file
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    if durable:
        sync_folder(path.parent)


def sweep(folder: Path, prefix: str = TEMPORARY, age: float = LEFTOVER_AGE) -> None:
    """Remove what killed processes left: files and folders of this prefix, unchanged for `age` seconds.

    With an age of 0 nobody else may write to the folder: the caller holds the lock for that. What can't be
    removed stays.
    """
    old = time.time() - age
    for entry in os.scandir(folder) if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # it got its name, or is somebody else's
            if entry.name.startswith(prefix) and (age == 0 or entry.stat(follow_symlinks=False).st_mtime < old):
                _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    if not entry.is_dir(follow_symlinks=False):
        return os.unlink(entry.path)
    import shutil

    return shutil.rmtree(entry.path, ignore_errors=True)


def reports_folder(folder: Path) -> Path:
    """Where reports and logs lie for CI to publish: below model.yaml's folder, made if needed; git ignores it."""
    own = folder / ".model-devops"
    create_exclusive(own / ".gitignore", b"*\n")
    return own / "reports"


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a kernel lock on `path`, which ends with this process. Without `wait`: BlockingIOError."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
