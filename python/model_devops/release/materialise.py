"""Putting the files of a release in place, verified.

All files are first written to a temporary folder beside or inside the target and hashed on the way;
only when every byte was right do they move: as a whole folder where the target doesn't exist yet, else
file by file. Nothing is ever written through a symbolic link below the target or out of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import FileIO
from pathlib import Path

from model_devops.adapters.files import sweep
from model_devops.errors import RefusedError
from model_devops.release import tarball_io
from model_devops.release.blobs import Meter, differs, each, hash_stream, whole, write_all, writing
from model_devops.release.packing import Layer, artifact_order, safe_path
from model_devops.release.repository import BlobStore

TEMPORARY = ".model-devops-tmp-"
_NO_PLACE = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL)
"""A file of the name of another, or of a folder, or of a name that no file can have."""


def materialise(
    blobs: BlobStore, layers: Sequence[Layer], folders: Mapping[str, str], target: Path, meter: Meter
) -> None:
    """Write the layers' files below `target`, each artifact in its folder of `folders` ('' is the target itself).

    Raises RefusedError: `bytes-gone`, `bytes-differ`, `unsafe-path`; disk errors as `writing` does.
    """
    need = sum(layer.size for layer in layers)
    with writing(target, need):
        target = target.absolute()
        base = target if target.is_dir() else target.parent
        base.mkdir(parents=True, exist_ok=True)
        sweep(base, TEMPORARY)
        temporary = Path(tempfile.mkdtemp(dir=base, prefix=TEMPORARY))
        try:
            trees = {artifact: _tree(temporary, artifact, folders) for artifact in _artifacts(layers)}
            each(lambda layer: _unpack(blobs, layer, trees[layer.artifact], meter), _by_size(layers), meter)
            _move([*trees.values()], target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _artifacts(layers: Sequence[Layer]) -> list[str]:
    return artifact_order({layer.artifact: None for layer in layers})


def _by_size(layers: Sequence[Layer]) -> list[Layer]:
    return sorted(layers, key=lambda layer: -layer.size)


def refuse_unsafe(sources: Mapping[str, Iterable[str]], folders: Mapping[str, str]) -> None:
    """Raise RefusedError (kind `unsafe-path`) for what could never be put in place again, before it is stored."""
    for artifact, paths in sources.items():
        _prefix(folders.get(artifact, ""))
        for name in (artifact, *paths):
            _safe(name)


def _tree(temporary: Path, artifact: str, folders: Mapping[str, str]) -> Tree:
    """Where an artifact is unpacked. Raises RefusedError where its folder leads out of the target."""
    root = temporary / _safe(artifact)
    root.mkdir(mode=0o755)
    return Tree(root, _prefix(folders.get(artifact, "")))


def _prefix(folder: str) -> str:
    folder = folder.removeprefix("./").strip("/")
    return _safe(folder) + "/" if folder not in ("", ".") else ""


def _safe(path: str) -> str:
    try:
        return safe_path(path)
    except ValueError as error:
        raise RefusedError(f"the release names an {error}", kind="unsafe-path") from error


class Tree:
    """The folders below a root: made when needed, never followed where they are links."""

    def __init__(self, root: Path, prefix: str = "") -> None:
        self.root = str(root)
        self._prefix = prefix
        self.files: set[str] = set()
        self._known = {self.root}

    def place(self, path: str) -> str:
        """Where the file `path` of the tree's artifact goes; its folders exist afterwards."""
        path = self._prefix + path
        self.files.add(path)
        place = f"{self.root}/{path}"
        self._make(place.rpartition("/")[0])
        return place

    def _make(self, folder: str) -> None:
        if folder in self._known:
            return
        self._make(folder.rpartition("/")[0])
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        if os.path.islink(folder) or not os.path.isdir(folder):
            raise RefusedError(
                f"{folder} is in the way: it is no folder" + (" but a symbolic link" if os.path.islink(folder) else ""),
                kind="unsafe-path",
                hint="remove it and run the same command again",
            )
        self._known.add(folder)


def _unpack(blobs: BlobStore, layer: Layer, tree: Tree, meter: Meter) -> None:
    try:
        if layer.path is not None:
            _copy(blobs, layer, tree.place(layer.path), meter)
            return
        with contextlib.closing(_OneFile()) as one:
            tarball_io.scan(blobs, layer, meter, lambda path, _: one.start(tree.place(path)))
    except OSError as error:
        if error.errno not in _NO_PLACE:
            raise
        raise RefusedError(
            f"the release names files of {layer.artifact} that can't lie in one folder: {error.strerror}",
            kind="unsafe-path",
        ) from error


def _copy(blobs: BlobStore, layer: Layer, place: str, meter: Meter) -> None:
    with whole(blobs, layer.digest, layer.size) as stream, open(place, "xb") as out:
        if hash_stream(stream, meter, out.write) != layer.digest:
            raise differs(f"{layer.artifact}/{layer.path} (blob {layer.digest}) has other bytes", blobs.location)


class _OneFile:
    """One open file at a time: the next one closes the last one."""

    def __init__(self) -> None:
        self._stream: FileIO | None = None

    def start(self, place: str) -> Callable[[bytes], object]:
        """Begin a new file; returns what takes its bytes."""
        self.close()
        self._stream = stream = open(place, "xb", buffering=0)  # noqa: SIM115  closed by `close`
        return lambda data: write_all(stream, data)

    def close(self) -> None:
        """Close the last file."""
        if self._stream is not None:
            self._stream.close()


def _move(trees: list[Tree], target: Path) -> None:
    """Give the verified files their places. Of a file that two artifacts have, the later artifact's counts."""
    if trees and not target.exists() and not target.is_symlink():
        whole = Tree(Path(trees[0].root))
        whole.files |= trees[0].files
        for tree in trees[1:]:
            _merge(tree, whole)
        trees = [whole]
        with contextlib.suppress(OSError):  # somebody made the target meanwhile: file by file, then
            os.rename(whole.root, target)
            return
    target.mkdir(exist_ok=True)
    for tree in trees:
        _merge(tree, Tree(target))


def _merge(tree: Tree, into: Tree) -> None:
    for path in sorted(tree.files):
        place = into.place(path)
        try:
            os.replace(f"{tree.root}/{path}", place)
        except IsADirectoryError as error:
            raise RefusedError(
                f"{place} is in the way: a folder where a file of the release goes",
                kind="unsafe-path",
                hint="remove it and run the same command again",
            ) from error
