"""Hashing files fast, in constant memory.

Big files are spread over threads, largest first, since hashing them runs outside the interpreter's lock;
small ones are handled many at a time by one thread, since there the lock dominates. What has not changed
since it was last hashed costs a `stat` (cache.py), except where bytes must be proven.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from model_devops.content.digest import Entry
from model_devops.errors import RefusedError, UsageError
from model_devops.progress import Advance, task

#: From this size on, a file is worth a turn of a thread of its own.
BIG = 1 << 20
_BUFFER = 256 << 10


def hash_files(files: Mapping[str, Path], *, cached: bool = True) -> dict[str, Entry]:
    """SHA-256 and size of each file, by the same names. `cached=False` reads every byte.

    Raises UsageError where a file can't be read, RefusedError where one changes while it is read.
    """
    from model_devops.content.cache import Cache

    started = time.time_ns()
    cache = Cache.open() if cached else None
    found: dict[str, Entry] = {}
    todo: list[_Todo] = []
    for name, path in files.items():
        status = _stat(path)
        known = cache.get(path, status) if cache else None
        if known:
            found[name] = (known, status.st_size)
        else:
            todo.append((name, path, status))
    with task("hashing", sum(status.st_size for _, _, status in todo)) as advance:
        found.update(_hash_all(todo, _one_at_a_time(advance)))
    if cache:
        cache.put([(path, status, found[name][0]) for name, path, status in todo], started)
        cache.close()
    return {name: found[name] for name in files}


_Todo = tuple[str, Path, os.stat_result]


def _hash_all(todo: list[_Todo], advance: Advance) -> dict[str, Entry]:
    """Each of the files; refuses one that is no longer what it was when its status was taken."""
    big = sorted((item for item in todo if item[2].st_size >= BIG), key=lambda item: -item[2].st_size)
    found = {item[0]: _hash_one(item, advance) for item in todo if item[2].st_size < BIG}
    if len(big) > 1:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            entries = pool.map(lambda item: _hash_one(item, advance), big)
            found.update(zip((item[0] for item in big), entries, strict=True))
    else:
        found.update({item[0]: _hash_one(item, advance) for item in big})
    return found


def _hash_one(item: _Todo, advance: Advance) -> Entry:
    return hash_file(item[1], advance, item[2])


def _one_at_a_time(advance: Advance) -> Advance:
    """Threads report in turn."""
    lock = threading.Lock()

    def report(count: int) -> None:
        with lock:
            advance(count)

    return report


def hash_file(path: Path, advance: Advance | None = None, expected: os.stat_result | None = None) -> Entry:
    """SHA-256 and size of one file, never through a symlink.

    Refuses (4, kind `changed`) where it changes while it is read, or since the status that is `expected`.
    """
    hasher, size = hashlib.sha256(), 0
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would wait for a writer
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        before = os.fstat(handle)
        expected = expected or before
        buffer = bytearray(min(_BUFFER, before.st_size + 1))
        view = memoryview(buffer)
        while count := os.readv(handle, [buffer]):
            hasher.update(view[:count])
            size += count
            if size > expected.st_size:  # somebody is writing: there may be no end
                break
            if advance:
                advance(count)
        after = os.fstat(handle)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(handle)
    if not _same(expected, after) or size != after.st_size:
        raise RefusedError(
            f"{path} changed while it was read", kind="changed", hint="let nothing write there, then rerun"
        )
    return hasher.hexdigest(), size


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether it is the same file with the same content. Not by ctime: a second link to it changes that."""
    fields = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
    return all(getattr(before, field) == getattr(after, field) for field in fields)


def _stat(path: Path) -> os.stat_result:
    try:
        return os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} can't be read: {error.strerror}", kind="unreadable")
