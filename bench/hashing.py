"""Hashing: what is read for the first time against openssl, what has not changed against `git status`."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Row, in_turn, quietly, wall

SIZE, ROUNDS = 256 << 20, 5
SMALL = 20_000


def rows() -> Iterator[Row]:
    """Few big files, and many small ones that have not changed."""
    from model_devops.content.hashing import hash_files

    with tempfile.TemporaryDirectory() as folder:
        os.environ["MODEL_DEVOPS_HOME"] = f"{folder}/home"
        weights = Path(folder) / "weights"
        weights.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
        openssl = ("openssl", "dgst", "-sha256", str(weights))
        ours, theirs = in_turn(
            lambda: hash_files({"weights": weights}, cached=False), lambda: quietly(*openssl), rounds=ROUNDS
        )
        yield Row("hash of one file of 256 MiB", ours, "openssl dgst -sha256", theirs, 1.2 * theirs)
        yield _several(Path(folder))
        yield _unchanged(Path(folder) / "many")


def _several(folder: Path) -> Row:
    """Big files, a thread each."""
    from model_devops.content.hashing import hash_files

    files = {f"big-{number}": folder / f"big-{number}" for number in range(4)}
    for path in files.values():
        path.write_bytes(os.urandom(1 << 20) * 64)
    command = ("sha256sum", *map(str, files.values()))
    ours, theirs = in_turn(
        lambda: hash_files(files, cached=False), lambda: quietly(*command), rounds=ROUNDS, measure=wall
    )
    return Row("hash of 4 files of 64 MiB", ours, "sha256sum", theirs, theirs)


def _unchanged(folder: Path) -> Row:
    """20,000 small files, in a git repository, hashed before."""
    from model_devops.content.hashing import hash_files

    files = {f"{number:05}": folder / f"{number % 100:02}" / f"{number:05}" for number in range(SMALL)}
    for name, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name * 800)
    quietly("git", "init", "--quiet", cwd=folder)
    quietly("git", "add", ".", cwd=folder)
    ours, theirs = in_turn(
        lambda: hash_files(files), lambda: quietly("git", "status", "--porcelain", "-uno", cwd=folder), rounds=ROUNDS
    )
    return Row("20,000 files, unchanged since the last time", ours, "git status", theirs, 15 * theirs)
