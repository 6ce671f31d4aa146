"""A release's container image as its registry has it now: whether all of it is there, and is what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from model_devops import faults
from model_devops.adapters.registry.address import SCHEME, parse
from model_devops.adapters.registry.client import Client
from model_devops.errors import RefusedError
from model_devops.release.blobs import Meter, hash_stream
from model_devops.release.record import Image
from model_devops.release.registry.blobs import RegistryBlobs


def in_reach(image: Image) -> bool:
    """Whether manifest and blobs are there with the right sizes. Raises UnreachableError where nobody answers."""
    client = _client(image)
    blobs = RegistryBlobs(client)
    try:
        return all(blobs.has(part["digest"], part["size"]) for part in _parts(client, image.digest))
    except RefusedError as error:
        if error.kind in ("bytes-gone", "bytes-differ"):
            return False
        raise


def verify(image: Image, memo: dict[str, Any]) -> list[str]:
    """Hash every byte of an image; one message for each blob that is missing or different."""
    client, found = _client(image), list[str]()
    blobs = RegistryBlobs(client)
    try:
        parts = list(_parts(client, image.digest))
    except RefusedError as error:
        return [f"image: {error.message}"]
    for part in parts:
        digest = part["digest"]
        key = f"{image.repository}@{digest}"
        try:
            if key not in memo:
                with blobs.open(digest) as stream:
                    memo[key] = hash_stream(stream, Meter())
            if memo[key] != digest:
                found.append(f"image: blob {digest} has other bytes in {blobs.location}")
        except RefusedError as error:
            found.append(f"image: {error.message}")
    return found


def tag(image: Image, version: str) -> str | None:
    """Give the image its version as a tag, for people. Returns a warning where that names another image already."""
    client = _client(image)
    there = client.manifest(version)
    if there is not None and there.digest == image.digest:
        return None
    if there is not None:
        return f"{image.repository}:{version} names another image ({there.digest[:19]}): use {image.reference}"
    found = client.manifest(image.digest)
    if found is None:
        return f"the image {image.reference} is gone"
    faults.point("image.before-tag")
    client.put_manifest(version, found.data, found.media_type)
    return None


def _client(image: Image) -> Client:
    return Client.open(parse(SCHEME + image.repository))


def _parts(client: Client, digest: str) -> Iterator[dict[str, Any]]:
    """The descriptors of configuration and layers; of every platform where a Dockerfile made several."""
    found = client.manifest(digest)
    if found is None:
        raise RefusedError(f"manifest {digest} is missing in {client.address}", kind="bytes-gone")
    document = json.loads(found.data)
    for inner in document.get("manifests") or []:
        yield from _parts(client, inner["digest"])
    if "config" in document:
        yield document["config"]
    yield from document.get("layers") or []
