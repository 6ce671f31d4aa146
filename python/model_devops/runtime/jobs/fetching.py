"""What a Job's pods wrote, from there into the workspace: streamed, gone on with after a broken connection, hashed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from model_devops.content.walk import OWN
from model_devops.errors import FailedError, UnreachableError
from model_devops.progress import Advance, task
from model_devops.runtime.jobs.pod import Pod, Written

ATTEMPTS = 5
"""Broken connections in a row, without a byte between them."""
Choose = Callable[[list[Written]], list[Written]]
"""Which of the files that were written are wanted."""


def fetch(pod: Pod, files: Sequence[Written], folder: Path, rename: Mapping[str, str]) -> None:
    """Put these files into `folder`, under other names where they are to have some: all of them, or none.

    Raises FailedError where a name would lead out of the folder, and where their bytes aren't those in the pod.
    """
    targets = {one.name: _target(folder, rename.get(one.name, one.name)) for one in files}
    with _staging(folder) as staging:
        paths = [staging / str(index) for index in range(len(files))]
        with (
            task(f"from {pod.name}", sum(one.size for one in files)) as advance,
            _Taken(files, paths, advance) as taken,
        ):
            said = _in_spite_of_breaks(lambda: pod.fetch(files, taken.at, taken), taken)
        if said != taken.digest:
            raise FailedError(f"what came from pod {pod.name} isn't what it wrote", kind="job", hint="run this again")
        for one, path in zip(files, paths, strict=True):
            targets[one.name].parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, targets[one.name])


def _in_spite_of_breaks(ask: Callable[[], str], taken: _Taken) -> str:
    broken, before = 0, -1
    while True:
        try:
            return ask()
        except UnreachableError:
            broken = broken + 1 if taken.at == before else 1
            if broken >= ATTEMPTS:
                raise
            before = taken.at


class _Taken:
    """Bytes as they come, cut into files; how many there were, and their SHA-256."""

    def __init__(self, files: Sequence[Written], paths: Sequence[Path], advance: Advance) -> None:
        self._left = [(path, one.size) for one, path in zip(files, paths, strict=True)]
        self._advance = advance
        self._sha256 = hashlib.sha256()
        self._stream: BinaryIO | None = None
        self._missing = 0
        self.at = 0

    @property
    def digest(self) -> str:
        """Of what came."""
        return self._sha256.hexdigest()

    def __call__(self, data: bytes) -> None:
        """Take a piece."""
        self.at += len(data)
        self._sha256.update(data)
        self._advance(len(data))
        while data:
            data = data[self._write(data) :]

    def _write(self, data: bytes) -> int:
        if not self._missing:
            self._next()
        piece = data[: self._missing]
        assert self._stream is not None
        self._stream.write(piece)
        self._missing -= len(piece)
        return len(piece)

    def _next(self) -> None:
        """Open the next file that isn't empty; those before it are made."""
        while not self._missing:
            self._close()
            if not self._left:
                raise FailedError("a pod wrote more than it said", kind="job")
            path, self._missing = self._left.pop(0)
            self._stream = path.open("wb")

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> _Taken:
        return self

    def __exit__(self, *of: object) -> None:
        self._close()
        for path, _ in self._left:
            path.touch()  # empty ones at the end: no byte of them came


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder on the same disk that is no artifact's; what a killed run left there is removed."""
    staging = folder / OWN / "fetched"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _target(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise FailedError(f"{path} leads out of {folder}: there is a link on the way", kind="job")
    return path
