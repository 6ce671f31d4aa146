"""The read-only copies that servers run from, and the digest of the model in them (D10).

A copy is made from the store for each revision, never from a workspace, and holds what serving needs:
model, code, parameters and runtime, not the dataset.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from model_devops.adapters.files import write_atomic
from model_devops.content.digest import digest
from model_devops.content.hashing import hash_file, hash_files
from model_devops.deploy.local.processes import LINUX
from model_devops.errors import ModelDevopsError
from model_devops.release.packing import artifact_order
from model_devops.release.store import Store, Stored
from model_devops.runtime.surroundings import identity_of

LEFT_OUT = ("dataset",)


class Copy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of a copy: beside it as JSON, written when the copy is whole."""

    root: str
    """The model's folder in the copy, `` for the copy itself."""
    model: list[str]
    """The model's files, relative to `root`."""
    others: dict[str, str]
    """All other files, relative to the copy, with their SHA-256."""
    ignore: list[str]
    identity: dict[str, str]
    """The release's identity as environment variables."""
    venv: str | None

    @property
    def prefix(self) -> str:
        """What the paths of the model's files begin with in the copy."""
        return f"{self.root}/" if self.root else ""


class Copies:
    """The folder `files/` of an environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, number: int) -> Path:
        """Where a revision's copy lies."""
        return self._folder / str(number)

    def known(self, number: int) -> Copy | None:
        """What is known of a revision's copy; None if it isn't whole."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            data = self._note(number).read_bytes()
            if self.path(number).is_dir():
                return msgspec.json.decode(data, type=Copy)
        return None

    def _note(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def put(self, number: int, release: Stored, store: Store, venv: Path | None) -> None:
        """Make a revision's copy, unless it is there as it was released. On failure what was there stays."""
        if self._is_there(number, release, venv):
            return
        fresh = self._folder / f"{number}.fresh"
        _remove(fresh)
        try:
            store.materialise(release, fresh, tuple(name for name in release.record.layout if name not in LEFT_OUT))
            note = msgspec.json.encode(_describe(release, store, venv))
            self.remove(number)
            os.rename(fresh, self.path(number))
            _protect(self.path(number))
            write_atomic(self._note(number), note, durable=False)
        except BaseException:
            _remove(fresh)
            if not self._note(number).exists():
                _remove(self.path(number))
            raise

    def _is_there(self, number: int, release: Stored, venv: Path | None) -> bool:
        known = self.known(number)
        if known is None or (known.identity, known.venv) != (identity_of(release), str(venv) if venv else None):
            return False
        copy, released = self.path(number), {*known.others, *(known.prefix + name for name in known.model)}
        if set(_found(copy)) != released or changed(copy, known):
            return False
        return measure(copy, known) == release.record.identity.artifacts.get("model")

    def remove(self, number: int) -> None:
        """Remove a copy."""
        self._note(number).unlink(missing_ok=True)
        _remove(self.path(number))

    def prune(self, keep: set[int]) -> None:
        """Remove all copies but these, and what killed runs left."""
        kept = {f"{number}{ending}" for number in keep for ending in ("", ".json")}
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(set(os.listdir(self._folder)) - kept, key=lambda name: not name.endswith(".json")):
                _remove(self._folder / name)


def _describe(release: Stored, store: Store, venv: Path | None) -> Copy:
    record = release.record
    others: dict[str, str] = {}
    for name in artifact_order({name: None for name in record.layout if name not in (*LEFT_OUT, "model")}):
        prefix = _prefix(record.layout[name])
        others |= {prefix + path: sha256 for path, (sha256, _) in store.files(release, name).items()}
    return Copy(
        root=_prefix(record.layout.get("model", "")).rstrip("/"),
        model=sorted(store.files(release, "model")),
        others=others,
        ignore=record.ignore,
        identity=identity_of(release),
        venv=str(venv) if venv else None,
    )


def _prefix(folder: str) -> str:
    plain = folder.removeprefix("./").strip("/")
    return plain + "/" if plain not in ("", ".") else ""


def measure(copy_as_seen: Path, copy: Copy) -> str:
    """The digest (C1) of the model's files in a copy as they are now; every byte is read.

    Whatever lies in the model's folder counts, so that a file too many is found as well.
    """
    root = copy_as_seen / copy.root
    names = set(_found(root)) if copy.root else set(copy.model)
    others = {path.removeprefix(copy.prefix) for path in copy.others} if copy.root else set()
    files = {name: root / name for name in names - (others - set(copy.model))}
    try:
        present = {name: path for name, path in files.items() if os.path.lexists(path)}
        return digest(hash_files(present, cached=False), copy.ignore)
    except (ModelDevopsError, ValueError) as error:
        return f"none, because {error}"


def changed(copy_as_seen: Path, copy: Copy) -> list[str]:
    """The files beside the model's that are not as they were released; every byte of them is read."""
    found = {}
    for path, sha256 in copy.others.items():
        try:
            found[path] = hash_file(copy_as_seen / path)[0] == sha256
        except ModelDevopsError:  # gone, a link now, or somebody is writing it
            found[path] = False
    return [path for path, same in found.items() if not same]


def _found(root: Path) -> Iterator[str]:
    """All that isn't a folder, links to folders included."""
    for folder, folders, names in os.walk(root):
        for name in [*names, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]:
            yield (Path(folder) / name).relative_to(root).as_posix()


def as_seen_by(pid: int, copy: Path) -> Path:
    """The copy as a process sees it: through its own working folder or root, where the system tells (Linux)."""
    if not LINUX:
        return copy
    working, root = Path(f"/proc/{pid}/cwd"), Path(f"/proc/{pid}/root")
    with contextlib.suppress(OSError):
        if os.readlink(working) == str(copy):
            return working
        if os.readlink(root):
            return root / str(copy).lstrip("/")
    return copy


def _protect(folder: Path) -> None:
    """Take everybody's right to write away, files before the folders they are in."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            _without_write(os.path.join(parent, name))
        _without_write(parent)


def _without_write(path: str) -> None:
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    os.chmod(path, (mode | 0o444 | (0o111 if os.path.isdir(path) else 0)) & ~0o222)


def _remove(path: Path) -> None:
    if not path.is_dir():
        return path.unlink(missing_ok=True)
    for parent, _, _ in os.walk(path):
        os.chmod(parent, 0o755)
    return shutil.rmtree(path)
