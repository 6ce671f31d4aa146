"""The files of one build on their way into a store: planned by their sizes, then stored on several threads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model_devops.errors import RefusedError
from model_devops.progress import task
from model_devops.release import tarball_io
from model_devops.release.blobs import Meter, each
from model_devops.release.packing import (
    Descriptor,
    Entry,
    Files,
    Packed,
    artifact_order,
    own_layers,
    path_order,
    raw_layer,
    tar_layer,
)
from model_devops.release.repository import BlobStore


class Batch:
    """The files of one `put_files`: planned by their sizes, then copied on several threads."""

    def __init__(self, blobs: BlobStore, known: Mapping[str, Mapping[str, Entry]]) -> None:
        self._blobs = blobs
        self._known = known
        self._meter = Meter()
        self._files: Files = {}
        self._own: dict[str, set[str]] = {}
        self._tars: dict[str, Descriptor] = {}
        self._jobs: list[tuple[int, str, dict[str, Path]]] = []

    def plan(self, artifact: str, sources: Mapping[str, Path]) -> None:
        """Decide which files have layers of their own."""
        known = self._known.get(artifact, {})
        sizes = {path: known[path][1] if path in known else _size(source) for path, source in sources.items()}
        own = own_layers(sizes)
        shared = {path: source for path, source in sources.items() if path not in own}
        self._files[artifact], self._own[artifact] = {}, own
        self._jobs += [(sizes[path], artifact, {path: sources[path]}) for path in own]
        if shared:
            self._jobs.append((sum(sizes[path] for path in shared), artifact, shared))

    def run(self) -> None:
        """Copy everything, largest first."""
        self._jobs.sort(key=lambda job: -job[0])
        with task("storing", sum(size for size, _, _ in self._jobs)) as advance:
            self._meter = Meter(advance)
            each(self._copy, self._jobs, self._meter)
        for artifact, files in self._files.items():
            if own_layers({path: entry[1] for path, entry in files.items()}) != self._own[artifact]:
                raise RefusedError(f"files of {artifact} changed while they were stored", kind="changed")

    def _copy(self, job: tuple[int, str, dict[str, Path]]) -> None:
        _, artifact, sources = job
        known = self._known.get(artifact, {})
        (path, source), *_ = sources.items()
        if path in self._own[artifact]:
            self._files[artifact][path] = self._blobs.copy(source, known.get(path), self._meter)
            return
        digest, size, entries = tarball_io.write(self._blobs, artifact, sources, known, self._meter)
        self._tars[artifact] = tar_layer(artifact, digest, size)
        self._files[artifact].update(entries)

    def packed(self) -> Packed:
        """What was stored, in the order of the manifest."""
        layers: list[Descriptor] = []
        for artifact in artifact_order(self._files):
            files = self._files[artifact]
            own = [path for path in path_order(files) if path in self._own[artifact]]
            layers += [raw_layer(artifact, path, files[path]) for path in own]
            layers += [self._tars[artifact]] if artifact in self._tars else []
        return Packed({name: self._files[name] for name in artifact_order(self._files)}, layers)


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError as error:
        raise RefusedError(f"{source} can't be read: {error.strerror}", kind="changed") from error
