"""index.json of an OCI image layout: what lies in it, by tag.

Changed under a lock and replaced as a whole; read without a lock. Tags say what an entry is about;
everything else is read from the blobs, because other tools rewrite this file as they like.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_devops import faults
from model_devops.adapters.files import locked, write_atomic
from model_devops.errors import UnreachableError
from model_devops.release.blobs import writing

TAG = "org.opencontainers.image.ref.name"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
Descriptor = dict[str, Any]


@dataclass
class Index:
    """The entries of index.json."""

    entries: list[Descriptor] = field(default_factory=list)
    changed: bool = False

    def tagged(self, tag: str) -> Descriptor | None:
        """The entry of this tag."""
        return next((entry for entry in self.entries if tag_of(entry) == tag), None)

    def put(self, descriptor: Descriptor, tag: str) -> None:
        """List a manifest under a tag, in place of what had that tag."""
        entry = descriptor | {"annotations": descriptor.get("annotations", {}) | {TAG: tag}}
        if self.tagged(tag) == entry:
            return
        self.entries = [other for other in self.entries if tag_of(other) != tag] + [entry]
        self.changed = True


def tag_of(entry: Descriptor) -> str | None:
    """The tag of an entry, if it has one."""
    tag = (entry.get("annotations") or {}).get(TAG)
    return tag if isinstance(tag, str) else None


def read(folder: Path) -> Index:
    """The index as it is now; empty where there is none. Raises UnreachableError (kind `damaged`, S4)."""
    path = folder / "index.json"
    try:
        document = json.loads(path.read_bytes())
        entries = document["manifests"] or []
        for entry in entries:
            _check(entry)
    except FileNotFoundError:
        return Index()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreachableError(
            f"{path} is no index of an OCI image layout: {error}",
            kind="damaged",
            hint="put a good copy of the file back; its blobs are not touched by this",
        ) from error
    return Index(entries)


def _check(entry: Descriptor) -> None:
    """Raise TypeError or KeyError where an entry is no descriptor."""
    texts = entry["digest"], entry["mediaType"], entry.get("artifactType", "")
    annotations = entry.get("annotations") or {}
    if not all(isinstance(text, str) for text in texts) or not isinstance(annotations, dict):
        raise TypeError(f"not a descriptor: {str(entry)[:200]}")


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[Index]:
    """Hold the lock, change the index and write it. One writer at a time, others wait."""
    with writing(folder, 1 << 16), locked(folder / ".lock"):
        index = read(folder)
        yield index
        if index.changed:
            faults.point("store.before-index")
            write(folder, index)
            faults.point("store.after-index")


def write(folder: Path, index: Index) -> None:
    """Replace index.json; the caller holds the lock."""
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": index.entries}
    write_atomic(folder / "index.json", json.dumps(document, indent=1).encode())
