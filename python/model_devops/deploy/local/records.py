"""What an environment keeps of itself in its folder: the lock, its place, its revisions (D2, D3, P4)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from model_devops import faults
from model_devops.adapters import clock
from model_devops.adapters.files import create_exclusive, locked, sweep, write_atomic
from model_devops.deploy.revision import Place, Revision
from model_devops.errors import BusyError, ModelDevopsError

T = TypeVar("T", bound=msgspec.Struct)


class Records:
    """The documents of one environment. Each is written whole or not at all."""

    def __init__(self, title: str, folder: Path) -> None:
        self.title = title
        self.folder = folder

    @contextlib.contextmanager
    def lock(self, holder: str) -> Iterator[None]:
        """Hold the environment by a kernel lock, which ends with this process, however it ends (D3)."""
        note = self.folder / "holder.json"
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder / "lock", wait=False))
            except BlockingIOError:
                raise self._busy(note) from None
            words = {"holder": holder, "since": clock.timestamp(), "pid": os.getpid()}
            self._sweep()
            write_atomic(note, msgspec.json.encode(words), durable=False)
            try:
                yield
            finally:
                note.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what killed runs left. Only who holds the lock writes here, and the supervisor below `run`."""
        for name in (".", "revisions", "reports"):
            sweep(self.folder / name, age=0)
        sweep(self.folder / "run")

    def _busy(self, note: Path) -> BusyError:
        try:
            words = msgspec.json.decode(note.read_bytes())
            who = f"{words['holder']} since {words['since']}, until its process {words['pid']} ends"
        except (OSError, msgspec.DecodeError, KeyError, TypeError):
            who, words = "somebody who has only just taken it", {}
        return BusyError(
            f"{self.title} is held by {who}", hint="run this again when it has ended", details={"by": words}
        )

    def place(self) -> Place | None:
        """What the environment remembers; None before its first revision."""
        with contextlib.suppress(FileNotFoundError):
            return _read(self.folder / "place.json", Place)
        return None

    def save_place(self, place: Place) -> None:
        """Remember."""
        write_atomic(self.folder / "place.json", msgspec.json.encode(place))

    def revisions(self) -> list[Revision]:
        """All revisions, oldest first."""
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self.folder / "revisions")
            numbers = sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())
            return [_read(self._path(number), Revision) for number in numbers]
        return []

    def _path(self, number: int) -> Path:
        return self.folder / "revisions" / f"{number}.json"

    def create(self, revision: Revision) -> None:
        """Record a new revision, if its number is free."""
        faults.point("revision.before-create")
        if not create_exclusive(self._path(revision.number), msgspec.json.encode(revision)):
            raise self._conflict(revision)
        faults.point("revision.after-create")

    def change(self, old: Revision, new: Revision) -> None:
        """Replace a revision's record, if it still is `old`."""
        faults.point("revision.before-status")
        if _read(self._path(old.number), Revision) != old:
            raise self._conflict(old)
        write_atomic(self._path(old.number), msgspec.json.encode(new))
        faults.point("revision.after-status")

    def _conflict(self, revision: Revision) -> BusyError:
        return BusyError(
            f"somebody else has written revision {revision.number} of {self.title}",
            hint="run this again",
            kind="conflict",
        )


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise ModelDevopsError(
            f"{path} can't be read: {error}",
            kind="damaged-record",
            hint="restore this file from a backup, or remove it",
        ) from error
