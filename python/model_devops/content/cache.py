"""What was hashed before: path, size, times and inode of a file, and the SHA-256 that it had then.

A file that changed within two seconds of being looked at is not remembered: a further change in the same
tick of the file system's clock would not show. A cache that can't be read is made anew; without a cache
folder nothing is remembered.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from model_devops.adapters.paths import cache_folder

#: Nanoseconds for which a fresh file is not trusted.
YOUNG = 2_000_000_000
_SCHEMA = "CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, stat TEXT, sha256 TEXT) WITHOUT ROWID"


class Cache:
    """Hashes by path; one SQLite file for all processes of a user."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls) -> Cache | None:
        """The user's cache, or None where there can be none."""
        folder = cache_folder()
        if folder is None:
            return None
        file = folder / "hashes.sqlite"
        for _ in range(2):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(file, timeout=2)
                connection.execute(_SCHEMA)
                connection.execute("SELECT count(*) FROM (SELECT 1 FROM hashes LIMIT 1)")
            except sqlite3.OperationalError:
                return None  # busy or read-only: do without
            except sqlite3.DatabaseError:
                with contextlib.suppress(OSError):
                    file.unlink()
                continue
            except OSError:
                return None
            return cls(connection)
        return None

    def get(self, path: Path, status: os.stat_result) -> str | None:
        """The SHA-256 that this file had with exactly this status."""
        row = None
        with _tolerant():
            row = self._connection.execute(
                "SELECT sha256 FROM hashes WHERE path = ? AND stat = ?", (_key(path), _print(status))
            ).fetchone()
        return str(row[0]) if row else None

    def put(self, hashed: list[tuple[Path, os.stat_result, str]], started: int) -> None:
        """Remember files with the status that they had when they were read.

        Only those that had been at rest for long enough when the hashing began (`started`, in ns of the clock).
        """
        limit = started - YOUNG
        rows = [
            (_key(path), _print(status), sha256)
            for path, status, sha256 in hashed
            if max(status.st_mtime_ns, status.st_ctime_ns) < limit
        ]
        with _tolerant(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@contextlib.contextmanager
def _tolerant() -> Iterator[None]:
    """A cache never makes anything fail."""
    with contextlib.suppress(sqlite3.Error):
        yield


def _key(path: Path) -> str:
    return os.fsencode(os.path.abspath(path)).hex()


def _print(status: os.stat_result) -> str:
    fields = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return ":".join(map(str, fields))
