"""A store in a repository of a container registry: the same documents and bytes as in a folder (S1, S4).

A registry has no locks. So every statement has a tag of its own, which no other writer ever writes; the
fallback index is kept for other clients where the registry lists no referrers, and may lag behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from model_devops import faults
from model_devops.adapters.registry.address import Address
from model_devops.adapters.registry.client import Client, Manifest
from model_devops.errors import RefusedError, UnreachableError
from model_devops.release import statements
from model_devops.release.blobs import gone
from model_devops.release.oci import OciStore, version_tags
from model_devops.release.packing import MANIFEST, Descriptor, digest_of, is_digest
from model_devops.release.registry import fallback
from model_devops.release.registry.at_once import at_once
from model_devops.release.registry.blobs import RegistryBlobs
from model_devops.release.repository import Listing
from model_devops.release.store import Stored

SOON = (0.1, 0.3, 1, 2)
"""Seconds between attempts to read a tag that is listed and not there."""
T = TypeVar("T")
R = TypeVar("R")


class RegistryStore(OciStore):
    """The releases of one model in one repository of a registry."""

    def __init__(self, address: Address) -> None:
        self._client = Client.open(address)
        super().__init__(RegistryRepository(self._client))

    def confirms(self, release: Stored) -> bool:
        """By giving the registry the release's manifest again, for which it looks whether it has what that names."""
        return self._client.confirms(release.digest, self.repository.manifest(release.digest))


class RegistryRepository:
    """A repository of a registry. Fulfils `Repository`; see there for what each method promises."""

    locks = False

    def __init__(self, client: Client) -> None:
        self.client = client
        self.blobs = RegistryBlobs(client)
        self.known: dict[str, Manifest] = {}
        """By digest: what was read or written by this process."""
        self._tried = False

    @property
    def location(self) -> str:
        """`oci://HOST/PATH`."""
        return str(self.client.address)

    @property
    def image_home(self) -> Address:
        """`image`, below the releases."""
        return self.client.address.below("image")

    def prepare(self) -> None:
        """Whether we may write there is tried once."""
        if not self._tried:
            self.client.try_writing()
            self._tried = True

    def manifest(self, digest: str) -> bytes:
        """Read once by each process: its bytes can't change without its digest."""
        found = self.known.get(digest) or self.fetch(digest)
        if found is None:
            raise gone(f"manifest {digest} is missing", self.location)
        return found.data

    def fetch(self, reference: str) -> Manifest | None:
        """The manifest of a tag or digest as it is there now."""
        found = self.client.manifest(reference)
        if found is not None:
            self.known[found.digest] = found
        return found

    def listing(self) -> Listing:
        """What is there is asked when it is needed."""
        return RegistryListing(self)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Listing]:
        """Nothing can be locked: what is written has names that nobody else writes, or is looked at again."""
        yield RegistryListing(self)

    def remove(self, digests: Sequence[str]) -> None:
        """The registry's own clean-up takes the bytes that no manifest names."""
        for digest in digests:
            index = self.client.manifest(fallback.tag(digest))
            self.client.delete_manifest(digest)
            self.known.pop(digest, None)
            if index is not None:
                self.client.delete_manifest(index.digest)

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Several requests at a time."""
        return at_once(function, items)


class RegistryListing:
    """A repository's tags and referrers. Fulfils `Listing`."""

    ordered = False

    def __init__(self, repository: RegistryRepository) -> None:
        self._repository = repository
        self._client = repository.client
        self._digests: dict[str, str | None] = {}
        self._known_tags: list[str] | None = None

    @property
    def _tags(self) -> list[str]:
        """Asked once. (Not a `cached_property`: before Python 3.12 all listings would wait for each other's.)"""
        if self._known_tags is None:
            self._known_tags = self._client.tags()
        return self._known_tags

    def tags(self) -> list[str]:
        """In whatever order the registry gives them."""
        return list(self._tags)

    def digest(self, tag: str) -> str | None:
        """Asked once for this listing. A registry may list a tag a moment before it can be read."""
        if tag not in self._digests:
            found = self._repository.fetch(tag)
            for pause in SOON:
                if found or tag not in self._tags:
                    break
                self._client.session.pause(pause)
                found = self._repository.fetch(tag)
            self._digests[tag] = found.digest if found else None
        return self._digests[tag]

    def holds(self, digest: str) -> bool:
        """Asked by digest: the tag may be any."""
        if not digest.startswith("sha256:"):
            return False
        return digest in self._repository.known or self._repository.fetch(digest) is not None

    def others(self, release: str | None) -> list[str]:
        """What the referrers API and the fallback index name beside the statements that have a tag (S4)."""
        releases = [release] if release else self._releases()
        found = self._repository.each(self._referrers, releases)
        return list(dict.fromkeys(digest for digests in found for digest in digests))

    def _releases(self) -> list[str]:
        digests = self._repository.each(self.digest, version_tags(self))
        return [digest for digest in digests if digest is not None]

    def _referrers(self, release: str) -> list[str]:
        listed = self._client.referrers(release) or []
        tag = fallback.tag(release)
        if tag in self._tags:
            listed = [*listed, *self._indexed(tag)]
        digests = [entry.get("digest") for entry in listed if fallback.may_be_statement(entry)]
        return [digest for digest in digests if isinstance(digest, str) and is_digest(digest)]

    def _indexed(self, tag: str) -> list[Descriptor]:
        """What the index of other clients names. Raises UnreachableError for one that is there and can't be read."""
        digest = self.digest(tag)
        if digest is not None:
            with contextlib.suppress(ValueError):
                return fallback.entries(self._repository.known[digest])
        raise UnreachableError(f"{tag} in {self._client.address} can't be read", kind="incomplete")

    def put(self, manifest: bytes, artifact_type: str, tag: str) -> None:
        """A statement is told to other clients too, where the registry doesn't do so."""
        faults.point("registry.before-manifest")
        subject_is_listed = self._client.put_manifest(tag, manifest)
        faults.point("registry.after-manifest")
        digest = digest_of(manifest)
        self._repository.known[digest] = Manifest(digest, MANIFEST, manifest)
        self._digests[tag] = digest
        if tag not in self._tags:
            self._tags.append(tag)
        if artifact_type in statements.TYPES and not subject_is_listed:
            with contextlib.suppress(UnreachableError, RefusedError, ValueError):  # it is for others only
                fallback.add(self._client, manifest)
                faults.point("registry.after-fallback")
