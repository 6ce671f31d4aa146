"""A store in a folder: an OCI image layout that ORAS and crane can read (S1; docs/formats.md).

Blobs are added without a lock, since their name is their content; index.json changes under one.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from model_devops.adapters.files import sync_folder, write_atomic
from model_devops.errors import RefusedError
from model_devops.release import index as indexes
from model_devops.release import statements
from model_devops.release.blobs import Blobs, writing
from model_devops.release.index import Index, tag_of
from model_devops.release.oci import OciStore
from model_devops.release.packing import MANIFEST, Descriptor
from model_devops.release.repository import Listing

OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
T = TypeVar("T")
R = TypeVar("R")


class LayoutStore(OciStore):
    """The releases of one model in one folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LayoutRepository(folder))
        self.folder = folder


class LayoutRepository:
    """An OCI image layout. Fulfils `Repository`; see there for what each method promises."""

    locks = True
    image_home = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = Blobs(folder)
        self._ready = False

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    def prepare(self) -> None:
        """Makes folders and files; once for each object, removes what killed processes left."""
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

    def manifest(self, digest: str) -> bytes:
        """In a folder manifests are blobs."""
        return self.blobs.read(digest)

    def listing(self) -> Listing:
        """index.json as it is now."""
        return LayoutListing(indexes.read(self.folder), self.blobs)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Listing]:
        """index.json, under its lock."""
        with indexes.changing(self.folder) as index:
            yield LayoutListing(index, self.blobs)

    def remove(self, digests: Sequence[str]) -> None:
        """Entries one by one, then the blobs that no manifest names. Young ones may be of a build under way."""
        gone = set(digests)
        with indexes.changing(self.folder) as index:
            index.entries = [entry for entry in index.entries if entry["digest"] not in gone]
            index.changed = True
        with indexes.changing(self.folder) as index:
            self.blobs.collect(self._named(index))

    def _named(self, index: Index) -> set[str]:
        """Digests of all blobs that the index reaches."""
        named: set[str] = set()
        ahead = [str(entry["digest"]) for entry in index.entries]
        while ahead:
            digest = ahead.pop()
            if digest not in named:
                document = self._document(digest)
                leaves = [*document.get("layers", []), document.get("config", {})]
                named |= {digest, *(leaf["digest"] for leaf in leaves if "digest" in leaf)}
                ahead += [item["digest"] for item in document.get("manifests", [])]
        return named

    def _document(self, digest: str) -> dict[str, Any]:
        """A manifest or index. One that can't be read might name anything: then nothing is removed."""
        try:
            document: dict[str, Any] = json.loads(self.blobs.read(digest))
            return document
        except (ValueError, RefusedError) as error:
            raise RefusedError(
                f"{self.folder} is damaged, so it isn't known which bytes it needs: {error}",
                kind="damaged",
                hint="`model-devops release verify` lists all damage",
            ) from error

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """One after the other: the disk answers at once."""
        return [function(item) for item in items]


class LayoutListing:
    """index.json of a layout. Fulfils `Listing`."""

    ordered = True

    def __init__(self, index: Index, blobs: Blobs) -> None:
        self._index = index
        self._blobs = blobs

    def tags(self) -> list[str]:
        """In the order of the index."""
        return [tag for entry in self._index.entries if (tag := tag_of(entry)) is not None]

    def digest(self, tag: str) -> str | None:
        """As the index says."""
        entry = self._index.tagged(tag)
        return entry["digest"] if entry else None

    def holds(self, digest: str) -> bool:
        """As the index says."""
        return any(entry["digest"] == digest for entry in self._index.entries)

    def others(self, release: str | None) -> list[str]:  # noqa: ARG002  the index doesn't tell what they are about
        """Entries without a tag, or with one like a fallback index has, that may be statements."""
        return [entry["digest"] for entry in self._index.entries if _may_be_other(entry)]

    def put(self, manifest: bytes, artifact_type: str, tag: str) -> None:
        """The manifest becomes a blob; the index names it when the lock is given back."""
        digest = self._blobs.put(manifest)
        self._blobs.settle()
        size = len(manifest)
        self._index.put({"mediaType": MANIFEST, "artifactType": artifact_type, "digest": digest, "size": size}, tag)


def _may_be_other(entry: Descriptor) -> bool:
    tag = tag_of(entry)
    if tag is not None:
        return tag.startswith("sha256-") and "." not in tag
    return entry.get("artifactType", statements.IN_TOTO) in statements.TYPES
