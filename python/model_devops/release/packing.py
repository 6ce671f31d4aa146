"""Packing format 1: which layers the files of a release come to, and the manifest over them (docs/formats.md).

Everything here is a function of names, contents and record, so that whoever has the bytes and the
tag's record comes to the same release digest (V4).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from model_devops.release.record import ARTIFACTS, Record

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODEL = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
#: ModelPack's kind of layer for each of our artifacts.
KINDS = {
    "model": "weight",
    "dataset": "dataset",
    "code": "code",
    "params": "weight.config",
    "runtime": "code",
    "recipe": "doc",
}
TITLE = "org.opencontainers.image.title"
FILEPATH = "org.cncf.model.filepath"
RECORD_TITLE = "release.json"

FEW = 64
"""An artifact of up to this many files has a layer for each."""
BIG = 1 << 20
"""Files of at least this many bytes have a layer of their own in any artifact…"""
MANY = 1000
"""…but where more than this many would, only those of at least HUGE bytes do: manifests stay readable."""
HUGE = 1 << 30

Entry = tuple[str, int]
Files = dict[str, dict[str, Entry]]
Descriptor = dict[str, Any]


@dataclass(frozen=True)
class Packed:
    """Files whose bytes lie in a store, by artifact, and the layers they are in (see `PackedFiles`)."""

    files: Files
    layers: list[Descriptor]


def artifact_order(artifacts: Mapping[str, object]) -> list[str]:
    """Names of artifacts in the order of their layers: those that we know first, others by name."""
    known = [name for name in ARTIFACTS if name in artifacts]
    return known + sorted(set(artifacts) - set(known))


def path_order(paths: Mapping[str, object]) -> list[str]:
    """Paths by their UTF-8 bytes, as in the digest (C1)."""
    return sorted(paths, key=str.encode)


def own_layers(sizes: Mapping[str, int]) -> set[str]:
    """The files of an artifact that have a layer of their own; the others share a tar layer."""
    if len(sizes) <= FEW:
        return set(sizes)
    big = {path for path, size in sizes.items() if size >= BIG}
    return big if len(big) <= MANY else {path for path in big if sizes[path] >= HUGE}


def raw_layer(artifact: str, path: str, entry: Entry) -> Descriptor:
    """The descriptor of a file's own layer."""
    kind = KINDS.get(artifact, "doc")
    return layer(f"application/vnd.cncf.model.{kind}.v1.raw", f"{artifact}/{path}", "sha256:" + entry[0], entry[1])


def tar_layer(artifact: str, digest: str, size: int) -> Descriptor:
    """The descriptor of the layer that an artifact's small files share."""
    kind = KINDS.get(artifact, "doc")
    return layer(f"application/vnd.cncf.model.{kind}.v1.tar", f"{artifact}.tar", digest, size)


def layer(media_type: str, title: str, digest: str, size: int) -> Descriptor:
    """A layer's descriptor. ORAS pulls what has a title; ModelPack's tools read the file path."""
    return {
        "mediaType": media_type,
        "digest": digest,
        "size": size,
        "annotations": {TITLE: title, FILEPATH: title},
    }


@dataclass(frozen=True)
class Documents:
    """The small blobs of a release."""

    record: bytes
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """The release digest."""
        return digest_of(self.manifest)


def documents(layers: list[Descriptor], record: Record) -> Documents:
    """Record, config and manifest of a release. The release digest is that of the manifest (B2)."""
    record_bytes = record.dumps()
    record_layer = layer(
        "application/vnd.cncf.model.doc.v1.raw", RECORD_TITLE, digest_of(record_bytes), len(record_bytes)
    )
    all_layers = [*layers, record_layer]
    config = rfc8785.dumps(_config(all_layers, record))
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": MODEL,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": all_layers,
    }
    return Documents(record_bytes, config, rfc8785.dumps(manifest))


def _config(layers: list[Descriptor], record: Record) -> dict[str, Any]:
    descriptor = {"name": record.name, "version": record.version}
    if record.commit:
        descriptor["revision"] = record.commit
    return {
        "descriptor": descriptor,
        "config": {},
        "modelfs": {"type": "layers", "diffIds": [layer["digest"] for layer in layers]},
    }


def digest_of(data: bytes) -> str:
    """`sha256:…` of these bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Whether this is `sha256:` and 64 lower-case hex digits, the only kind that is read."""
    return re.fullmatch(r"sha256:[0-9a-f]{64}", text) is not None


@dataclass(frozen=True)
class Layer:
    """A layer of a stored release as its descriptor tells: one file, or a tar (`path` is None)."""

    artifact: str
    path: str | None
    digest: str
    size: int

    @property
    def name(self) -> str:
        """For messages: `model/weights.bin`, `dataset.tar`."""
        return f"{self.artifact}/{self.path}" if self.path else f"{self.artifact}.tar"


def parse_layers(layers: list[Descriptor]) -> list[Layer]:
    """The artifacts' layers of a manifest, without the record's. Raises ValueError for unsafe names."""
    found = [_parse_layer(item) for item in layers if item["annotations"][TITLE] != RECORD_TITLE]
    if len({(layer.artifact, layer.path) for layer in found}) != len(found):
        raise ValueError("two layers of one name")
    return found


def _parse_layer(item: Descriptor) -> Layer:
    title = item["annotations"][TITLE]
    artifact, slash, path = title.partition("/")
    refuse_descriptor(item)
    if slash:
        return Layer(safe_path(artifact), safe_path(path), item["digest"], item["size"])
    return Layer(safe_path(title.removesuffix(".tar")), None, item["digest"], item["size"])


def refuse_descriptor(item: Descriptor) -> None:
    """Raise ValueError or TypeError for one that doesn't say which bytes and how many."""
    if not is_digest(item["digest"]) or type(item["size"]) is not int or item["size"] < 0:
        raise ValueError("a descriptor without a digest or size")


def safe_path(path: str) -> str:
    """The path itself, or ValueError where it isn't one of C2: no store may lead a write elsewhere."""
    parts = path.split("/")
    path.encode()  # half a surrogate pair has no bytes, and so no file has its name
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\x00-\x1f\x7f\\]", path):
        raise ValueError(f"unsafe path {path!r}")
    return path
