"""What an image is made on: a reference resolved to the manifest of one platform, once for each build (B2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from model_devops.adapters.registry.client import DOCKER, INDEX, MANIFEST, Client, Manifest
from model_devops.adapters.registry.references import Reference
from model_devops.errors import UnreachableError, UsageError
from model_devops.release.record import BaseImage
from model_devops.release.registry.blobs import RegistryBlobs

MANIFESTS = (MANIFEST, DOCKER[0])
INDEXES = (INDEX, DOCKER[1])


@dataclass(frozen=True)
class Base:
    """An image in a registry, for one platform."""

    reference: Reference
    index: str | None
    digest: str
    manifest: dict[str, Any]
    client: Client

    @property
    def recorded(self) -> BaseImage:
        """As the record names it."""
        return BaseImage(reference=str(self.reference), index=self.index, digest=self.digest)


def resolve(reference: Reference, platform: str) -> Base:
    """Ask the registry which manifest a reference names for a platform (`linux/amd64`).

    Raises UsageError (kinds `unknown-base`, `no-platform`), UnreachableError, RefusedError (kind `denied`).
    """
    client = Client.open(reference.address)
    found = client.manifest(reference.asked)
    if found is None:
        raise UsageError(
            f"{reference.address.host} has no image {reference}",
            kind="unknown-base",
            hint="check name and tag; an image that only a Docker daemon holds must be pushed first",
        )
    if found.media_type not in INDEXES:
        return _single(reference, platform, client, found, None)
    chosen = client.manifest(_of_platform(reference, platform, found))
    if chosen is None:
        raise UnreachableError(f"{reference.address.host} lists {platform} for {reference} and lacks it", kind="gone")
    return _single(reference, platform, client, chosen, found.digest)


def _of_platform(reference: Reference, platform: str, index: Manifest) -> str:
    listed = {entry["digest"]: _platform(entry.get("platform") or {}) for entry in _document(index)["manifests"] or []}
    for digest, name in listed.items():
        if _fits(name, platform):
            return str(digest)
    raise _no_platform(reference, platform, [name for name in listed.values() if not name.startswith("unknown")])


def _platform(fields: dict[str, Any]) -> str:
    return "/".join(str(fields[key]) for key in ("os", "architecture", "variant") if fields.get(key))


def _fits(name: str, wanted: str) -> bool:
    """A platform without a variant takes any."""
    return name == wanted or name.startswith(wanted + "/")


def _single(reference: Reference, platform: str, client: Client, found: Manifest, index: str | None) -> Base:
    if found.media_type not in MANIFESTS:
        raise UsageError(f"{reference} is no image that can be built on: {found.media_type}", kind="unknown-base")
    base = Base(reference, index, found.digest, _document(found), client)
    if index is None:
        name = _platform(config_of(base))
        if not _fits(name, platform) and not platform.startswith(name + "/"):
            raise _no_platform(reference, platform, [name])
    return base


def config_of(base: Base) -> dict[str, Any]:
    """The base's configuration."""
    document = json.loads(RegistryBlobs(base.client).read(base.manifest["config"]["digest"]))
    if not isinstance(document, dict) or "rootfs" not in document:
        raise UsageError(f"{base.reference} is no container image", kind="unknown-base")
    return document


def _document(manifest: Manifest) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(manifest.data)
    return document


def _no_platform(reference: Reference, platform: str, allowed: list[str]) -> UsageError:
    known = ", ".join(allowed) or "none"
    hint = f"it has: {known}; `package.platform` chooses one"
    return UsageError(f"{reference} has no {platform}", kind="no-platform", hint=hint)
