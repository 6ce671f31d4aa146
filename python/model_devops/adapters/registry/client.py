"""What one repository of a registry can be asked: blobs, manifests, tags, referrers.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin

from model_devops.adapters.registry.address import Address
from model_devops.adapters.registry.downloads import Download
from model_devops.adapters.registry.session import Session
from model_devops.adapters.registry.uploads import Open, Upload, begin, finish, location_of
from model_devops.errors import RefusedError, UnreachableError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPT = ", ".join((MANIFEST, INDEX, *DOCKER))
LARGEST_MANIFEST = 32 << 20
PAGES = 10_000
"""More pages than this are a registry that goes in circles."""


@dataclass(frozen=True)
class Manifest:
    """A manifest as a registry gave it, its digest computed here."""

    digest: str
    media_type: str
    data: bytes


@dataclass
class Client:
    """One repository. From any thread."""

    address: Address
    session: Session
    _referrers: list[bool] = field(default_factory=list)
    """Whether the registry lists referrers, once that is known."""

    @classmethod
    def open(cls, address: Address) -> Client:
        """Nothing is asked yet."""
        return cls(address, Session(address.host, address.plain))

    @property
    def _name(self) -> str:
        return f"/v2/{self.address.path}"

    @property
    def _pull(self) -> str:
        return f"repository:{self.address.path}:pull"

    @property
    def _push(self) -> str:
        return f"repository:{self.address.path}:pull,push"

    def blob_size(self, digest: str) -> int | None:
        """The size of a blob, or None where it isn't there."""
        answer = self.session.request("HEAD", f"{self._name}/blobs/{digest}", self._pull, expected=[200, 404])
        if answer.status == 404:
            return None
        length = answer.headers.get("content-length", "")
        return int(length) if length.isdigit() else -1

    def blob(self, digest: str, offset: int = 0) -> Download:
        """A blob as a stream, to be used with `with`. Raises UnreachableError (kind `not-there`)."""
        return Download(self.session, f"{self._name}/blobs/{digest}", self._pull, offset)

    def put_blob(self, data: bytes) -> str:
        """Store a small blob in two requests; returns its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        finish(self.session, begin(self.session, self.address.path, self._push), self._push, digest, data)
        return digest

    def upload(self, size: int, source: Open, told: Callable[[int], object], check: Callable[[str], object]) -> str:
        """Store `size` bytes as a stream; returns their digest. `check` may refuse it before they get their name."""
        return Upload(self.session, self.address.path, self._push, size, source, told, check).run()

    def try_writing(self) -> None:
        """Begin and end an upload: whether we may write is known before there is anything to lose."""
        self._cancel(begin(self.session, self.address.path, self._push))

    def mount(self, digest: str, other: str) -> bool:
        """Take a blob over from another repository of this registry, if it lets us."""
        path = f"{self._name}/blobs/uploads/?mount={digest}&from={quote(other, safe='')}"
        scope = f"{self._push} repository:{other}:pull"
        try:
            answer = self.session.request("POST", path, scope, expected=[201, 202], headers={"Content-Length": "0"})
        except RefusedError:
            return False
        if answer.status == 202:  # it began an upload instead
            self._cancel(location_of(answer, self.session))
        return answer.status == 201

    def _cancel(self, location: str) -> None:
        with contextlib.suppress(UnreachableError):  # it ends by itself
            self.session.request("DELETE", location, self._push, expected=range(200, 500), attempts=1)

    def manifest(self, reference: str) -> Manifest | None:
        """The manifest of a tag or digest, or None. Raises RefusedError (`bytes-differ`) for another digest's bytes."""
        path, headers = f"{self._name}/manifests/{reference}", {"Accept": ACCEPT}
        answer, data = self.session.document(path, self._pull, headers, LARGEST_MANIFEST)
        if answer.status == 404:
            return None
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if reference.startswith("sha256:") and reference != digest:
            raise RefusedError(f"{self.address.host} gives other bytes for manifest {reference}", kind="bytes-differ")
        return Manifest(digest, answer.headers.get("content-type", MANIFEST).partition(";")[0].strip(), data)

    def manifest_digest(self, reference: str) -> str | None:
        """The digest that a tag or digest has there, without its bytes; None where there is none."""
        path, headers = f"{self._name}/manifests/{reference}", {"Accept": ACCEPT}
        answer = self.session.request("HEAD", path, self._pull, expected=[200, 404], headers=headers)
        if answer.status == 404:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        if re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            return digest
        found = self.manifest(reference)
        return found.digest if found else None

    def put_manifest(self, reference: str, data: bytes, media_type: str = MANIFEST) -> bool:
        """Store a manifest under a tag (or its digest). Returns whether the registry lists it as a referrer itself."""
        path, headers = f"{self._name}/manifests/{reference}", {"Content-Type": media_type}
        answer = self.session.request("PUT", path, self._push, expected=[201, 202], headers=headers, body=data)
        return "oci-subject" in answer.headers

    def tags(self) -> list[str]:
        """All tags; none where there is no such repository yet. Raises UnreachableError for a list with a gap."""
        return [tag for page in self._pages(f"{self._name}/tags/list?n=1000") for tag in _texts(page.get("tags"))]

    def referrers(self, digest: str) -> list[dict[str, Any]] | None:
        """Descriptors of what refers to a manifest; None where this registry doesn't keep such lists."""
        if self._referrers == [False]:
            return None
        path = f"{self._name}/referrers/{digest}"
        answer = self.session.request("GET", path, self._pull, expected=[200, 404, 400, 405])
        self._referrers[:] = [answer.status == 200 and self._is_index(answer)]
        if not self._referrers[0]:
            return None
        return [item for page in self._pages(path) for item in page.get("manifests") or []]

    @staticmethod
    def _is_index(answer: Any) -> bool:
        kind: str = answer.headers.get("content-type", "")
        return kind.partition(";")[0].strip() == INDEX

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        next_path: str | None = path
        for _ in range(PAGES):
            if next_path is None:
                return
            answer = self.session.request("GET", next_path, self._pull, expected=[200, 404], headers={"Accept": "*/*"})
            if answer.status == 404:
                if next_path == path:
                    return
                raise self._gap("a page of it is gone")
            yield self._page(answer.data)
            link = re.search(r'<([^>]+)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
            next_path = urljoin(self.session.url(next_path), link[1]) if link else None
        raise self._gap("it has no end")

    def _page(self, data: bytes) -> dict[str, Any]:
        try:
            page = json.loads(data)
            if isinstance(page, dict):
                return page
        except ValueError:
            pass
        raise self._gap("it can't be read")

    def _gap(self, why: str) -> UnreachableError:
        return UnreachableError(f"the list of what is in {self.address} may have gaps: {why}", kind="incomplete")


def _texts(value: Any) -> list[str]:
    return [item for item in value or [] if isinstance(item, str)]
