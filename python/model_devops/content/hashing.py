"""Hashing files fast, in constant memory.

Big files are spread over threads, largest first, since hashing them runs outside the interpreter's lock;
small ones are handled many at a time by one thread, since there the lock dominates. What has not changed
since it was last hashed costs a `stat` (cache.py), except where bytes must be proven.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from model_devops.content.digest import Entry
from model_devops.errors import RefusedError, UsageError

#: From this size on, a file is worth a turn of a thread of its own.
BIG = 1 << 20
_BUFFER = 256 << 10
Progress = Callable[[int], object]


def hash_files(files: Mapping[str, Path], progress: Progress | None = None, *, cached: bool = True) -> dict[str, Entry]:
    """SHA-256 and size of each file, by the same names. `cached=False` reads every byte.

    Raises UsageError where a file can't be read, RefusedError where one changes while it is read.
    """
    from model_devops.content.cache import Cache

    cache = Cache.open() if cached else None
    found: dict[str, Entry] = {}
    todo: list[tuple[int, str, Path]] = []
    for name, path in files.items():
        status = _stat(path)
        known = cache.get(path, status) if cache else None
        if known:
            found[name] = (known, status.st_size)
        else:
            todo.append((status.st_size, name, path))
    found.update(_hash_all(todo, progress))
    if cache:
        cache.put([(path, found[name][0]) for _, name, path in todo])
    return {name: found[name] for name in files}


def _hash_all(todo: list[tuple[int, str, Path]], progress: Progress | None) -> dict[str, Entry]:
    big = sorted((item for item in todo if item[0] >= BIG), key=lambda item: -item[0])
    found = {name: hash_file(path, progress) for size, name, path in todo if size < BIG}
    if len(big) > 1:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            entries = pool.map(lambda item: hash_file(item[2], progress), big)
            found.update(zip((name for _, name, _ in big), entries, strict=True))
    else:
        found.update({name: hash_file(path, progress) for _, name, path in big})
    return found


def hash_file(path: Path, progress: Progress | None = None) -> Entry:
    """SHA-256 and size of one file, never through a symlink."""
    hasher, size = hashlib.sha256(), 0
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        before = os.fstat(handle)
        buffer = bytearray(min(_BUFFER, before.st_size + 1))
        view = memoryview(buffer)
        while count := os.readv(handle, [buffer]):
            hasher.update(view[:count])
            size += count
            if progress:
                progress(count)
        after = os.fstat(handle)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(handle)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        raise RefusedError(
            f"{path} changed while it was read", kind="changed", hint="let nothing write there, then rerun"
        )
    return hasher.hexdigest(), size


def _stat(path: Path) -> os.stat_result:
    try:
        return os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} can't be read: {error.strerror}", kind="unreadable")
