"""What one repository of a registry can be asked: blobs, manifests, tags, referrers.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from model_devops.adapters.documents import parsed
from model_devops.adapters.registry import problems
from model_devops.adapters.registry.address import Address
from model_devops.adapters.registry.downloads import Download
from model_devops.adapters.registry.session import Answer, Session
from model_devops.adapters.registry.uploads import ANEW, Open, Upload, begin, finish, forgotten, location_of
from model_devops.errors import RefusedError, UnreachableError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPT = ", ".join((MANIFEST, INDEX, *DOCKER))
LARGEST_MANIFEST = 4 << 20
"""Bytes; what registries must take, so no manifest of ours is larger."""
PAGES = 10_000
"""More pages than this are a list without an end."""
SMALLEST = b"{}"
"""The empty document of OCI: manifests of statements name it anyway."""
NO_REPOSITORY = {"NAME_UNKNOWN", "NOT_FOUND"}
"""What registries call a repository that isn't there yet."""
WRITTEN_JUST_NOW = (0.2, 0.7, 2.0)
"""Seconds between attempts where a registry doesn't know a blob: Distribution writes the file that says so in two
steps, and while others store the same blob at the same moment, it reads half of it."""
T = TypeVar("T")


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
    """Whether it may list referrers, once it was asked."""

    @classmethod
    def open(cls, address: Address) -> Client:
        """Nothing is asked yet."""
        return cls(address, Session(address.host))

    @property
    def _name(self) -> str:
        return f"/v2/{self.address.path}"

    @property
    def _pull(self) -> str:
        return f"repository:{self.address.path}:pull"

    @property
    def _push(self) -> str:
        return f"repository:{self.address.path}:pull,push"

    @property
    def _delete(self) -> str:
        return f"repository:{self.address.path}:pull,push,delete"

    def blob_size(self, digest: str) -> int | None:
        """The size of a blob, or None where it isn't there."""
        answer = self.session.request("HEAD", f"{self._name}/blobs/{digest}", self._pull, expected=[200, 404])
        if answer.status == 404:
            return None
        length = answer.headers.get("content-length", "")
        return int(length) if re.fullmatch("[0-9]{1,18}", length) else -1

    def blob(self, digest: str, offset: int = 0) -> Download:
        """A blob as a stream, to be used with `with`. Its `read` raises UnreachableError (kind `not-there`)."""
        return Download(self.session, f"{self._name}/blobs/{digest}", self._pull, offset)

    def put_blob(self, data: bytes) -> str:
        """Store a small blob in two requests; returns its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        for _ in range(ANEW):
            location = begin(self.session, self.address.path, self._push)
            if finish(self.session, self.address.path, location, self._push, digest, data):
                return digest
        raise forgotten(self.session)

    def upload(
        self,
        size: int,
        source: Open,
        told: Callable[[int], object],
        check: Callable[[str], object],
        known: str | None = None,
        begun: str = "",
    ) -> str:
        """Store `size` bytes as a stream; returns their digest. See `Upload` for the other arguments."""
        return Upload(self.session, self.address.path, self._push, size, source, told, check, known, begun).run()

    def try_writing(self) -> None:
        """Store the smallest blob: whether we may write is known before there is anything to lose.

        An upload that is only begun would stay: to end it without a blob takes the right to delete.
        """
        self.put_blob(SMALLEST)

    def mount(self, digest: str, other: str) -> str | None:
        """Take a blob over from another repository of this registry; None where that is done.

        Else where an upload goes on that the registry began in its place, or nothing.
        """
        path = f"{self._name}/blobs/uploads/?mount={digest}&from={quote(other, safe='')}"
        scope = f"{self._push} repository:{other}:pull"
        try:
            answer = self.session.request(
                "POST", path, scope, expected=[201, 202, 404], headers={"Content-Length": "0"}
            )
        except RefusedError:
            return ""
        if answer.status == 202:
            return location_of(answer, self.session)
        return None if answer.status == 201 else ""

    def manifest(self, reference: str) -> Manifest | None:
        """The manifest of a tag or digest, or None. Raises RefusedError (`bytes-differ`) for another digest's bytes."""
        path, headers = f"{self._name}/manifests/{reference}", {"Accept": ACCEPT}
        answer = self.session.request(
            "GET", path, self._pull, expected=[200, 404], headers=headers, limit=LARGEST_MANIFEST
        )
        if answer.status == 404:
            return None
        digest = "sha256:" + hashlib.sha256(answer.data).hexdigest()
        for named in (reference, answer.headers.get("docker-content-digest", "")):
            if named.startswith("sha256:") and named != digest:
                raise RefusedError(f"{self.address.host} gives other bytes for manifest {named}", kind="bytes-differ")
        return Manifest(digest, _media_type(answer) or MANIFEST, answer.data)

    def put_manifest(self, reference: str, data: bytes, media_type: str = MANIFEST) -> bool:
        """Store a manifest under a tag (or its digest). Returns whether the registry lists it as a referrer itself."""
        path, headers = f"{self._name}/manifests/{reference}", {"Content-Type": media_type}
        try:
            for pause in (*WRITTEN_JUST_NOW, None):
                expected = [201, 202] if pause is None else [201, 202, 400]
                answer = self.session.request("PUT", path, self._push, expected=expected, headers=headers, body=data)
                if pause is None or answer.status != 400 or "MANIFEST_BLOB_UNKNOWN" not in problems.codes(answer):
                    break
                time.sleep(pause)
            if answer.status == 400:
                raise problems.refused(self.address.host, answer, self.session.authority)
        except RefusedError:
            there = self.manifest(reference)
            if there is not None and there.data == data:
                return False  # an earlier attempt arrived, and its answer was lost: tags may not be written twice there
            raise
        return "oci-subject" in answer.headers

    def confirms(self, digest: str, data: bytes) -> bool:
        """Give the registry a manifest again that it has: whether it still has all that this names.

        Registries look for that when they take a manifest. One that doesn't take it twice confirms nothing.
        """
        path, headers = f"{self._name}/manifests/{digest}", {"Content-Type": MANIFEST}
        answer = self.session.request(
            "PUT", path, self._push, expected=[201, 202, 400, 404, 405, 409, 412], headers=headers, body=data
        )
        return answer.status in (201, 202)

    def delete_manifest(self, digest: str) -> None:
        """Remove a manifest with all its tags, if it is there. Raises RefusedError (kind `not-removable`)."""
        path = f"{self._name}/manifests/{digest}"
        answer = self.session.request("DELETE", path, self._delete, expected=[200, 202, 204, 404, 400, 405])
        if answer.status in (400, 405):
            raise RefusedError(
                f"{self.address.host} lets nobody remove anything: {problems.said(answer) or answer.status}",
                kind="not-removable",
                hint="allow deleting in the registry's settings, or use its own retention rules",
            )

    def tags(self) -> list[str]:
        """All tags; none where there is no such repository yet. Raises UnreachableError for a list with a gap."""
        path = f"{self._name}/tags/list?n=1000"
        first = self._page(path, [200, 404])
        if first.status == 404 and not problems.codes(first) & NO_REPOSITORY:
            raise self._gap("nothing is there that speaks as a registry")
        pages = [] if first.status == 404 else self._pages(path, first)
        return [tag for page in pages for tag in self._items(page, "tags", str)]

    def referrers(self, digest: str) -> list[dict[str, Any]] | None:
        """Descriptors of what refers to a manifest; None where this registry doesn't keep such lists."""
        if self._referrers == [False]:
            return None
        path = f"{self._name}/referrers/{digest}"
        first = self._page(path, [200, 400, 404, 405, 501])
        if first.status != 200 or _media_type(first) != INDEX:
            self._referrers[:] = [bool(problems.codes(first) & NO_REPOSITORY)]
            return None
        return [item for page in self._pages(path, first) for item in self._items(page, "manifests", dict)]

    def _page(self, path: str, expected: list[int]) -> Answer:
        return self.session.request("GET", path, self._pull, expected=expected, headers={"Accept": "*/*"})

    def _pages(self, path: str, first: Answer) -> Iterator[Any]:
        """All pages of a list. Raises UnreachableError (kind `incomplete`) where one can't be had."""
        answer, seen = first, {self.session.url(path)}
        while True:
            try:
                yield parsed(answer.data)
            except ValueError:
                raise self._gap("it can't be read") from None
            link = re.search(r'<([^>]+)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
            if not link:
                return
            path = self.session.url(link[1], self.session.url(path))
            if path in seen or len(seen) > PAGES or not self.session.is_own(path):
                raise self._gap("its pages lead nowhere")
            seen.add(path)
            answer = self._page(path, [200, 404])
            if answer.status == 404:
                raise self._gap("a page of it is gone")

    def _items(self, page: Any, key: str, kind: type[T]) -> list[T]:
        """The list on a page: null is none of them, and nothing else may stand there."""
        items = page[key] or [] if isinstance(page, dict) and key in page else None
        if not isinstance(items, list) or not all(isinstance(item, kind) for item in items):
            raise self._gap("it can't be read")
        return items

    def _gap(self, why: str) -> UnreachableError:
        return UnreachableError(f"the list of what is in {self.address} may have gaps: {why}", kind="incomplete")


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip()
