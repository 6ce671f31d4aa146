"""Container images in one repository of a registry: looked at, hashed and copied by digest, never changed.

An image is a manifest with a configuration and layers, or an index of such manifests, one for each platform.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from model_devops import faults
from model_devops.adapters.documents import parsed
from model_devops.adapters.registry.address import Address
from model_devops.adapters.registry.client import Client, Manifest
from model_devops.errors import RefusedError
from model_devops.progress import task
from model_devops.release.blobs import Meter, differs, each, gone, hash_stream, whole
from model_devops.release.lacking import damage, wrong, wrong_document
from model_devops.release.packing import refuse_descriptor
from model_devops.release.registry.at_once import at_once
from model_devops.release.registry.blobs import RegistryBlobs

CONFIGURATION = "configuration"


class Part(NamedTuple):
    """A blob of an image."""

    what: str
    """`configuration` or `layer`."""
    digest: str
    size: int

    @property
    def name(self) -> str:
        """For messages."""
        return f"the image's {self.what}"


class ImageRepository:
    """The images in one repository. What it was told once is not asked again."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.client = Client.open(address)
        self.blobs = RegistryBlobs(self.client)
        self._known: dict[str, Manifest] = {}

    @property
    def name(self) -> str:
        """`HOST/PATH`."""
        return f"{self.address.host}/{self.address.path}"

    def has(self, digest: str) -> bool:
        """Whether the image's manifest is here. Raises RefusedError (`bytes-differ`) where it has other bytes."""
        return self._manifest(digest) is not None

    def _manifest(self, digest: str) -> Manifest | None:
        if digest not in self._known:
            found = self.client.manifest(digest)
            if found is None:
                return None
            self._known[digest] = found
        return self._known[digest]

    def manifests(self, digest: str) -> list[Manifest]:
        """That of the image; those that it names are before it. Raises RefusedError where one is gone or different."""
        found = self._manifest(digest)
        if found is None:
            raise gone(f"the image's manifest {digest} is missing", self.blobs.location)
        entries = self._document(found).get("manifests") or []
        inner = [one for entry in entries for one in self.manifests(entry["digest"])]
        return [*inner, found]

    def _document(self, manifest: Manifest) -> dict[str, Any]:
        """What a manifest says, all that it names being named by digest and size."""
        try:
            document: dict[str, Any] = parsed(manifest.data)
            for part in (*document.get("manifests", []), *document.get("layers", []), document.get("config")):
                if part is not None:
                    refuse_descriptor(part)
            return document
        except (ValueError, KeyError, TypeError, AttributeError):
            raise differs(f"the image's manifest {manifest.digest} can't be read", self.blobs.location) from None

    def parts(self, manifests: Iterable[Manifest]) -> list[Part]:
        """Configurations and layers, each once."""
        found: dict[str, Part] = {}
        for document in map(self._document, manifests):
            named = [(CONFIGURATION, document["config"])] if "config" in document else []
            for what, item in [*named, *(("layer", item) for item in document.get("layers", []))]:
                found.setdefault(item["digest"], Part(what, item["digest"], item["size"]))
        return list(found.values())

    def lacking(self, digest: str) -> list[RefusedError]:
        """What of an image is gone or different: documents are hashed, layers asked for their size."""
        try:
            parts = self.parts(self.manifests(digest))
        except RefusedError as error:
            return [damage(error)]
        return [one for one in at_once(self._wrong, parts) if one is not None]

    def _wrong(self, part: Part) -> RefusedError | None:
        ask = wrong_document if part.what == CONFIGURATION else wrong
        return ask(self.blobs, part.name, part.digest, part.size)

    def verify(self, digest: str, memo: dict[str, Any]) -> list[str]:
        """Hash every byte of an image; one message for each part that is missing or different."""
        try:
            parts = self.parts(self.manifests(digest))
        except RefusedError as error:
            return [damage(error).message]
        found: list[str] = []

        def check(part: Part) -> None:
            key = f"{self.name}@{part.digest}"
            try:
                if key not in memo:
                    with whole(self.blobs, part.digest, part.size) as stream:
                        memo[key] = hash_stream(stream, meter)
                if memo[key] != part.digest:
                    found.append(f"{part.name} {part.digest} has other bytes in {self.blobs.location}")
            except RefusedError as error:
                found.append(f"{part.name}: {damage(error).message}")

        with task("verifying the image", sum(part.size for part in parts)) as advance:
            meter = Meter(advance)
            each(check, parts, meter)
        return sorted(found)

    def take(self, other: ImageRepository, digest: str) -> None:
        """Copy an image: blobs first, then the manifests as they are, what is named before what names it."""
        manifests = other.manifests(digest)
        parts = other.parts(manifests)
        with task("copying the image", sum(part.size for part in parts)) as advance:
            meter = Meter(advance)
            each(lambda part: self.blobs.take(other.blobs, part.digest, part.size, meter), parts, meter)
        faults.point("image.before-manifest")
        for manifest in manifests:
            if not self.has(manifest.digest):
                self.client.put_manifest(manifest.digest, manifest.data, manifest.media_type)
                self._known[manifest.digest] = manifest
        faults.point("image.after-manifest")

    def tag(self, digest: str, version: str) -> str | None:
        """Give an image its version as a tag, so that no clean-up of the registry takes it.

        Returns a warning where the tag names another image already.
        """
        there = self.client.manifest(version)
        if there is not None and there.digest == digest:
            return None
        if there is not None:
            return f"{self.name}:{version} names another image ({there.digest[:19]}): use {self.name}@{digest}"
        found = self._manifest(digest)
        if found is None:
            return f"the image {self.name}@{digest} is gone"
        faults.point("image.before-tag")
        self.client.put_manifest(version, found.data, found.media_type)
        return None

    def remove(self, digest: str, kept: Iterable[str]) -> None:
        """Remove an image with all its tags, and what it alone names of its platforms; `kept`: digests of others.

        Raises RefusedError (kind `not-removable`).
        """
        if not self.has(digest):
            return
        named = [one.digest for one in self.manifests(digest)[:-1]]
        spared = {one.digest for other in kept if named and self.has(other) for one in self.manifests(other)}
        for one in [digest, *named]:
            if one not in spared:
                self.client.delete_manifest(one)
                self._known.pop(one, None)
