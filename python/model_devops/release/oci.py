"""A store in OCI form, wherever its documents and bytes lie (S; docs/formats.md).

What is read is verified: small documents by their hash at every read, files while they are copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from model_devops import faults
from model_devops.adapters.documents import parsed
from model_devops.errors import RefusedError
from model_devops.progress import task
from model_devops.release import tarball_io
from model_devops.release.batch import Batch
from model_devops.release.blobs import Meter, gone
from model_devops.release.evidence import Body, Evidence
from model_devops.release.lacking import wrong, wrong_document
from model_devops.release.materialise import materialise, refuse_unsafe
from model_devops.release.packing import (
    MODEL,
    RECORD_TITLE,
    TITLE,
    Descriptor,
    Documents,
    Entry,
    Layer,
    Packed,
    documents,
    parse_layers,
    path_order,
    refuse_descriptor,
)
from model_devops.release.record import Record
from model_devops.release.referrers import Referrers
from model_devops.release.repository import Listing, Repository
from model_devops.release.store import PackedFiles, Stored, order

if TYPE_CHECKING:
    from model_devops.adapters.keys import Signer
    from model_devops.release.images import StoreImages


class OciStore:
    """The releases of one model. Fulfils `Store`; see there for what each method promises."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.blobs = repository.blobs
        self._releases: dict[str, tuple[Stored, list[Layer]] | None] = {}
        self._referrers = Referrers(repository)

    @property
    def location(self) -> str:
        """The repository's."""
        return self.repository.location

    @cached_property
    def images(self) -> StoreImages:
        """The releases' container images."""
        from model_devops.release.images import StoreImages

        return StoreImages(self.repository.image_home)

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
        batch = Batch(self.blobs, known or {})
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
        with self.repository.changing() as listing:
            there = self._same_version(listing, record, found.digest)
            if there is not None:
                return there
            self._refuse_gaps(packed)
            faults.point("store.before-manifest")
            self._write(found)
            listing.put(found.manifest, MODEL, record.version)
        return self._named(found, record)

    def _refuse_gaps(self, packed: PackedFiles) -> None:
        there = self.repository.each(lambda item: self.blobs.has(item["digest"], item["size"]), packed.layers)
        for layer, here in zip(packed.layers, there, strict=True):
            if not here:
                raise gone(f"the bytes of {layer['annotations'][TITLE]} are missing", self.location)

    def _named(self, found: Documents, record: Record) -> Stored:
        """What the version names now: another writer may have been faster where nothing can be locked."""
        there = None if self.repository.locks else self._same_version(self.repository.listing(), record, found.digest)
        return there or Stored(found.digest, record)

    def _same_version(self, listing: Listing, record: Record, digest: str) -> Stored | None:
        """The stored release to return in place of a new one, or None (V6)."""
        there = listing.digest(record.version)
        if there is None or there == digest:
            return None  # also writes the documents anew: damaged ones are healed
        stored = self._load(there)
        if stored is not None and record.is_prerelease and stored[0].record.identity == record.identity:
            return stored[0]
        raise RefusedError(
            f"{record.name} {record.version} is in {self.location} with other content ({there[:19]}, not"
            f" {digest[:19]})",
            kind="other-content",
            hint="a version never changes its content: build again, which takes the next number",
        )

    def _write(self, found: Documents) -> None:
        for data in (found.record, found.config):
            self.blobs.put(data)
        self.blobs.settle()

    def prepare(self) -> None:
        """See `Store.prepare`."""
        _ = self.signer
        self.repository.prepare()

    def find(self, reference: str) -> Stored | None:
        """See `Store.find`. Raises RefusedError (`bytes-gone`, `bytes-differ`) where its documents are damaged."""
        listing = self.repository.listing()
        digest = reference if listing.holds(reference) else listing.digest(reference)
        loaded = self._load(digest) if digest else None
        return loaded[0] if loaded is not None and reference in (digest, loaded[0].version) else None

    def releases(self) -> list[Stored]:
        """See `Store.releases`. Damaged ones are left out; `problems` names them."""
        listing = self.repository.listing()
        found = self.repository.each(lambda tag: self._readable(listing.digest(tag)), version_tags(listing))
        unique = {stored.digest: stored for stored in found if stored is not None}
        return sorted(unique.values(), key=lambda stored: order(stored.version))

    def _readable(self, digest: str | None) -> Stored | None:
        try:
            loaded = self._load(digest) if digest else None
        except RefusedError:
            return None
        return loaded[0] if loaded else None

    def _load(self, digest: str) -> tuple[Stored, list[Layer]] | None:
        """A release and its layers by release digest; None for another kind of manifest."""
        if digest not in self._releases:
            self._releases[digest] = self._read_release(digest)
        return self._releases[digest]

    def _read_release(self, digest: str) -> tuple[Stored, list[Layer]] | None:
        manifest = self.repository.manifest(digest)
        try:
            document = parsed(manifest)
            if document.get("artifactType") != MODEL:
                return None
            layers: list[Descriptor] = document["layers"]
            record_layer = next(layer for layer in layers if layer["annotations"].get(TITLE) == RECORD_TITLE)
            for item in (document["config"], record_layer):
                refuse_descriptor(item)
            record = Record.loads(self.blobs.read(record_layer["digest"]))
            order(record.version)
            return Stored(digest, record), parse_layers(layers)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError, msgspec.MsgspecError):
            return None  # a model that another tool packed, or a release that we could not put in place safely

    def _layers(self, release: Stored) -> list[Layer]:
        loaded = self._load(release.digest)
        if loaded is None:
            raise gone(f"release {release.version} ({release.digest}) is not", self.location)
        return loaded[1]

    def _documents(self, release: Stored) -> list[Descriptor]:
        """Descriptors of config and record."""
        document = json.loads(self.repository.manifest(release.digest))
        record = [layer for layer in document["layers"] if layer["annotations"][TITLE] == RECORD_TITLE]
        return [document["config"], *record]

    def has_bytes(self, release: Stored) -> bool:
        """See `Store.has_bytes`."""
        return not self.lacking(release)

    def lacking(self, release: Stored) -> list[RefusedError]:
        """See `Store.lacking`."""
        try:
            layers, small = self._layers(release), self._documents(release)
        except RefusedError as error:
            return [error]
        sizes = {(layer.digest, layer.size): layer.name for layer in layers}
        found = self.repository.each(lambda item: wrong(self.blobs, item[1], *item[0]), list(sizes.items()))
        found += [wrong_document(self.blobs, "a document", item["digest"], item["size"]) for item in small]
        return [one for one in found if one is not None]

    def confirms(self, release: Stored) -> bool:
        """As `has_bytes`, for who may write here: in a registry one question, however many blobs there are."""
        return self.has_bytes(release)

    def verify(self, release: Stored, *, memo: dict[str, Any] | None = None) -> list[str]:
        """See `Store.verify`."""
        from model_devops.release.verification import verify_release

        try:
            layers, small = self._layers(release), self._documents(release)
        except RefusedError as error:
            return [error.message]
        memo = {} if memo is None else memo
        with task("verifying", sum(layer.size for layer in layers)) as advance:
            found = verify_release(self.blobs, release, layers, small, Meter(advance), memo)
        image = release.record.image
        return found + (self.images.verify(image, memo) if image else [])

    def problems(self) -> list[str]:
        """See `Store.problems`."""
        listing = self.repository.listing()
        found = []
        for tag in version_tags(listing):
            try:
                self._load(listing.digest(tag) or "")
            except RefusedError as error:
                found.append(f"{tag}: {error}")
        return found + self._referrers.problems(listing)

    def packed(self, release: Stored) -> Packed:
        """See `Store.packed`."""
        document = json.loads(self.repository.manifest(release.digest))
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
        raise gone(f"{artifact}/{path} is not part of {release.record.name} {release.version}", self.location)

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

    @property
    def signer(self) -> Signer | None:
        """See `Store.signer`."""
        return self._referrers.signer

    def add_evidence(self, release: str, body: Body) -> Evidence:
        """See `Store.add_evidence`."""
        self.prepare()
        with self.repository.changing() as listing:
            stored = self.find(release) if listing.holds(release) else None
            if stored is None:
                raise RefusedError(
                    f"{release} is not in {self.location}, so nothing can be said about it there",
                    kind="unknown-release",
                )
            faults.point("store.before-manifest")
            return self._referrers.add(listing, stored, body)

    def evidence(self, release: str | None = None, kind: str | None = None) -> list[Evidence]:
        """See `Store.evidence`."""
        found = self._referrers.all(self.repository.listing(), release)
        return [item for item in found if kind in (None, item.kind)]


def version_tags(listing: Listing) -> list[str]:
    """The tags of releases: all that are not about a digest."""
    return [tag for tag in listing.tags() if not tag.startswith("sha256-")]


def _only(wanted: str, content: bytearray) -> tarball_io.Sink:
    """Keep one member of a tar layer."""
    return lambda path, _: content.extend if path == wanted else _drop


def _drop(_: bytes) -> None:
    pass
