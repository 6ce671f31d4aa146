"""Hashing all bytes of a stored release: what differs, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from model_devops.errors import RefusedError
from model_devops.release import tarball_io
from model_devops.release.blobs import Meter, differs, each, hash_stream, whole
from model_devops.release.packing import Entry, Layer
from model_devops.release.repository import BlobStore
from model_devops.release.store import Stored

Memo = dict[str, Any]
"""What was hashed already, by digest: releases share most of their bytes."""


def verify_release(
    blobs: BlobStore,
    release: Stored,
    layers: Sequence[Layer],
    documents: Sequence[dict[str, Any]],
    meter: Meter,
    memo: Memo,
) -> list[str]:
    """One message for each blob that is missing or different, and for each artifact whose digest differs (C1).

    `documents` are the descriptors of config and record; the manifest itself was read, and so verified.
    """
    found = _Findings()
    for document in documents:
        found.watch(f"blob {document['digest']}", partial(blobs.read, document["digest"]))
    files: dict[str, dict[str, Entry]] = {}

    def check(layer: Layer) -> None:
        found.watch(layer.name, lambda: files.setdefault(layer.artifact, {}).update(_hash(blobs, layer, meter, memo)))

    each(check, sorted(layers, key=lambda layer: -layer.size), meter)
    return sorted(found.messages) or _digests(release, files)


class _Findings:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def watch(self, name: str, action: Callable[[], object]) -> None:
        """Do it; what is refused becomes a finding."""
        try:
            action()
        except RefusedError as error:
            self.messages.append(f"{name}: {error.message}")


def _hash(blobs: BlobStore, layer: Layer, meter: Meter, memo: Memo) -> dict[str, Entry]:
    if layer.digest in memo:
        meter.add(layer.size)
    elif layer.path is None:
        memo[layer.digest] = tarball_io.scan(blobs, layer, meter)
    else:
        with whole(blobs, layer.digest, layer.size) as stream:
            if hash_stream(stream, meter) != layer.digest:
                raise differs(f"blob {layer.digest} has other bytes", blobs.location)
        memo[layer.digest] = None
    if layer.path is None:
        entries: dict[str, Entry] = memo[layer.digest]
        return entries
    return {layer.path: (layer.digest.removeprefix("sha256:"), layer.size)}


def _digests(release: Stored, files: dict[str, dict[str, Entry]]) -> list[str]:
    """Artifacts whose files are whole, but not those that the record's identity names."""
    from model_devops.content.digest import digest

    record, found = release.record, []
    for name, expected in sorted(record.identity.artifacts.items()):
        entries = files.get(name, {})
        if expected not in (digest(entries, record.ignore), digest(entries)):
            found.append(f"{name}: its files are not those that the record names ({expected})")
    extra = sorted(set(files) - set(record.identity.artifacts))
    return found + [f"{name}: the record names no such artifact" for name in extra]
