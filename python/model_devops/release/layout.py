"""A store in a folder: an OCI image layout that ORAS and crane can read (S1; docs/formats.md).

Blobs are added without a lock, since their name is their content; index.json changes under one.
What is read is verified: small documents by their hash at every read, files while they are copied.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from model_devops import faults
from model_devops.adapters.files import sync_folder, write_atomic
from model_devops.errors import RefusedError
from model_devops.progress import task
from model_devops.release import index as indexes
from model_devops.release import statements, tarball_io
from model_devops.release.blobs import Blobs, Meter, each, gone, writing
from model_devops.release.evidence import Body, Evidence
from model_devops.release.index import Index
from model_devops.release.materialise import materialise, refuse_unsafe
from model_devops.release.packing import (
    MANIFEST,
    MODEL,
    RECORD_TITLE,
    TITLE,
    Descriptor,
    Documents,
    Entry,
    Files,
    Layer,
    Packed,
    artifact_order,
    documents,
    own_layers,
    parse_layers,
    path_order,
    raw_layer,
    tar_layer,
)
from model_devops.release.record import Record
from model_devops.release.referrers import Referrers
from model_devops.release.store import PackedFiles, Stored, order

OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class LayoutStore:
    """The releases of one model in one folder. Fulfils `Store`; see there for what each method promises."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = Blobs(folder)
        self._releases: dict[str, tuple[Stored, list[Layer]] | None] = {}
        self._referrers = Referrers(folder, self.blobs)
        self._ready = False

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    def put_files(
        self,
        sources: Mapping[str, Mapping[str, Path]],
        layout: Mapping[str, str],
        *,
        known: Mapping[str, Mapping[str, Entry]] | None = None,
    ) -> Packed:
        """See `Store.put_files`."""
        refuse_unsafe(sources, layout)
        self.prepare()
        faults.point("store.before-blobs")
        batch = _Batch(self.blobs, known or {})
        for artifact, files in sources.items():
            batch.plan(artifact, files)
        batch.run()
        self.blobs.settle()
        return batch.packed()

    def describe(self, packed: PackedFiles, record: Record) -> tuple[str, bytes]:
        """See `Store.describe`."""
        found = documents(packed.layers, record)
        return found.digest, found.manifest

    def name(self, packed: PackedFiles, record: Record) -> Stored:
        """See `Store.name`."""
        found = documents(packed.layers, record)
        self.prepare()
        with indexes.changing(self.folder) as index:
            there = self._same_version(index, record, found.digest)
            if there is not None:
                return there
            for layer in packed.layers:
                if not self.blobs.has(str(layer["digest"]), int(str(layer["size"]))):
                    raise gone(f"the bytes of {layer['annotations'][TITLE]} are missing", self.folder)
            faults.point("store.before-manifest")
            self._write(found)
            index.put(_descriptor(found.digest, len(found.manifest), MODEL), record.version)
        return Stored(found.digest, record)

    def _same_version(self, index: Index, record: Record, digest: str) -> Stored | None:
        """The stored release to return in place of a new one, or None (V6)."""
        entry = index.tagged(record.version)
        if entry is None or entry["digest"] == digest:
            return None  # also writes the documents anew: damaged ones are healed
        stored = self._load(entry["digest"])
        if stored is not None and record.is_prerelease and stored[0].record.identity == record.identity:
            return stored[0]
        raise RefusedError(
            f"{record.name} {record.version} is in {self.folder} with other content ({entry['digest'][:19]}, not"
            f" {digest[:19]})",
            kind="other-content",
            hint="a version never changes its content: build again, which takes the next number",
        )

    def _write(self, found: Documents) -> None:
        for data in (found.record, found.config, found.manifest):
            self.blobs.put(data)
        self.blobs.settle()

    def prepare(self) -> None:
        """See `Store.prepare`. Makes folders and files; once for each object, removes what killed processes left."""
        if self._ready:
            return
        with writing(self.folder, 1 << 16):
            self.blobs.folder.mkdir(parents=True, exist_ok=True)
            marker = self.folder / "oci-layout"
            if not marker.exists():
                write_atomic(marker, OCI_LAYOUT)
                sync_folder(self.folder.parent)
            self.blobs.sweep()
            tempfile.TemporaryFile(dir=self.blobs.folder).close()
        if not (self.folder / "index.json").exists():
            with indexes.changing(self.folder) as index:
                index.changed = not (self.folder / "index.json").exists()
        self._ready = True

    def find(self, reference: str) -> Stored | None:
        """See `Store.find`. Raises RefusedError (`bytes-gone`, `bytes-differ`) where its documents are damaged."""
        for entry in indexes.read(self.folder).entries:
            if reference in (entry["digest"], indexes.tag_of(entry)):
                loaded = self._load(entry["digest"])
                if loaded is not None and reference in (loaded[0].digest, loaded[0].version):
                    return loaded[0]
        return None

    def releases(self) -> list[Stored]:
        """See `Store.releases`. Damaged ones are left out; `problems` names them."""
        found: dict[str, Stored] = {}
        for entry in indexes.read(self.folder).entries:
            if self._referrers.may_be(entry):
                continue
            try:
                loaded = self._load(entry["digest"])
            except RefusedError:
                continue
            if loaded is not None:
                found[entry["digest"]] = loaded[0]
        return sorted(found.values(), key=lambda stored: order(stored.version))

    def _load(self, digest: str) -> tuple[Stored, list[Layer]] | None:
        """A release and its layers by release digest; None for another kind of manifest."""
        if digest not in self._releases:
            self._releases[digest] = self._read_release(digest)
        return self._releases[digest]

    def _read_release(self, digest: str) -> tuple[Stored, list[Layer]] | None:
        manifest = self.blobs.read(digest)
        try:
            document = json.loads(manifest)
            if document.get("artifactType") != MODEL:
                return None
            layers: list[Descriptor] = document["layers"]
            record_layer = next(layer for layer in layers if layer["annotations"].get(TITLE) == RECORD_TITLE)
            record = Record.loads(self.blobs.read(record_layer["digest"]))
            order(record.version)
            return Stored(digest, record), parse_layers(layers)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, msgspec.MsgspecError):
            return None  # a model that another tool packed, or a release that we could not put in place safely

    def _layers(self, release: Stored) -> list[Layer]:
        loaded = self._load(release.digest)
        if loaded is None:
            raise gone(f"release {release.version} ({release.digest}) is not", self.folder)
        return loaded[1]

    def _documents(self, release: Stored) -> list[Descriptor]:
        """Descriptors of config and record."""
        document = json.loads(self.blobs.read(release.digest))
        record = [layer for layer in document["layers"] if layer["annotations"][TITLE] == RECORD_TITLE]
        return [document["config"], *record]

    def has_bytes(self, release: Stored) -> bool:
        """See `Store.has_bytes`."""
        try:
            layers, small = self._layers(release), self._documents(release)
        except RefusedError:
            return False
        sizes = {layer.digest: layer.size for layer in layers} | {item["digest"]: item["size"] for item in small}
        return all(self.blobs.has(digest, size) for digest, size in sizes.items())

    def verify(self, release: Stored, *, memo: dict[str, Any] | None = None) -> list[str]:
        """See `Store.verify`."""
        from model_devops.release.verification import verify_release

        try:
            layers, small = self._layers(release), self._documents(release)
        except RefusedError as error:
            return [error.message]
        with task("verifying", sum(layer.size for layer in layers)) as advance:
            return verify_release(self.blobs, release, layers, small, Meter(advance), {} if memo is None else memo)

    def problems(self) -> list[str]:
        """See `Store.problems`."""
        found = []
        for entry in indexes.read(self.folder).entries:
            try:
                if self._referrers.may_be(entry):
                    self._referrers.check(entry)
                else:
                    self._load(entry["digest"])
            except statements.Foreign:
                continue
            except (RefusedError, statements.Garbled) as error:
                found.append(f"{indexes.tag_of(entry) or entry['digest']}: {error}")
        return found

    def packed(self, release: Stored) -> Packed:
        """See `Store.packed`."""
        document = json.loads(self.blobs.read(release.digest))
        layers = [layer for layer in document["layers"] if layer["annotations"][TITLE] != RECORD_TITLE]
        files = {layer.artifact: self.files(release, layer.artifact) for layer in self._layers(release)}
        return Packed(files, layers)

    def files(self, release: Stored, artifact: str) -> dict[str, Entry]:
        """See `Store.files`."""
        found: dict[str, Entry] = {}
        for layer in self._layers(release):
            if layer.artifact == artifact and layer.path is not None:
                found[layer.path] = (layer.digest.removeprefix("sha256:"), layer.size)
            elif layer.artifact == artifact:
                found |= tarball_io.scan(self.blobs, layer, Meter())
        return {path: found[path] for path in path_order(found)}

    def read_file(self, release: Stored, artifact: str, path: str) -> bytes:
        """See `Store.read_file`."""
        content = bytearray()
        for layer in self._layers(release):
            if layer.artifact != artifact:
                continue
            if layer.path == path:
                return self.blobs.read(layer.digest)
            if layer.path is None:
                found = tarball_io.scan(self.blobs, layer, Meter(), _only(path, content))
                if path in found:
                    return bytes(content)
        raise gone(f"{artifact}/{path} is not part of {release.record.name} {release.version}", self.folder)

    def materialise(
        self,
        release: Stored,
        target: Path,
        artifacts: tuple[str, ...] | None = None,
    ) -> None:
        """See `Store.materialise`."""
        layout = release.record.layout
        wanted = layout if artifacts is None else artifacts
        layers = [layer for layer in self._layers(release) if layer.artifact in wanted]
        with task("copying", sum(layer.size for layer in layers)) as advance:
            materialise(self.blobs, layers, layout, target, Meter(advance))

    def add_evidence(self, release: str, body: Body) -> Evidence:
        """See `Store.add_evidence`."""
        self.prepare()
        with indexes.changing(self.folder) as index:
            subject = next((entry for entry in index.entries if entry["digest"] == release), None)
            stored = self.find(release) if subject else None
            if subject is None or stored is None:
                raise RefusedError(
                    f"{release} is not in {self.folder}, so nothing can be said about it there", kind="unknown-release"
                )
            faults.point("store.before-manifest")
            name = f"{stored.record.name}@{stored.version}"
            return self._referrers.add(index, _descriptor(release, subject["size"], MODEL), name, body)

    def evidence(self, release: str | None = None, kind: str | None = None) -> list[Evidence]:
        """See `Store.evidence`."""
        found = self._referrers.all(indexes.read(self.folder), release)
        return [item for item in found if kind in (None, item.kind)]

    def export(self, release: Stored, target: Path) -> None:
        """See `Store.export`."""
        from model_devops.release.transfer import export

        with task("copying", sum(layer.size for layer in self._layers(release))) as advance:
            export(self, release, target, Meter(advance))


def _only(wanted: str, content: bytearray) -> tarball_io.Sink:
    """Keep one member of a tar layer."""
    return lambda path, _: content.extend if path == wanted else _drop


def _drop(_: bytes) -> None:
    pass


def _descriptor(digest: str, size: int, artifact_type: str) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "artifactType": artifact_type, "digest": digest, "size": size}


class _Batch:
    """The files of one `put_files`: planned by their sizes, then copied on several threads."""

    def __init__(self, blobs: Blobs, known: Mapping[str, Mapping[str, Entry]]) -> None:
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
