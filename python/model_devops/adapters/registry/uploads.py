"""Sending blobs: mounted where the registry has them elsewhere, else as one stream that is taken up again.

One PATCH carries a blob as Docker sends it, which all registries take, up to PIECE bytes (some refuse bodies of
20 GB); after a broken connection the registry is asked how much it has, and gets the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from model_devops import faults
from model_devops.adapters.registry import problems
from model_devops.adapters.registry.session import AGAIN, ATTEMPTS, Session, pause
from model_devops.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CHUNK = 1 << 20
PIECE = 8 << 30
OCTETS = {"Content-Type": "application/octet-stream"}


class Stream(Protocol):
    """Bytes to be sent."""

    def read(self, size: int, /) -> bytes | None:
        """Up to `size` bytes; nothing at the end."""


Open = Callable[[int], AbstractContextManager[Stream]]
"""Opens what is to be sent at this offset; may be called again after a broken connection."""


@dataclass
class Upload:
    """One blob on its way. Its bytes are hashed once, when they are first read."""

    session: Session
    path: str
    scope: str
    size: int
    open: Open
    told: Callable[[int], object]
    """Told of bytes that were read for the first time."""
    check: Callable[[str], object]
    """Called with the digest before the bytes get their name."""
    hashed: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)

    def run(self) -> str:
        """Send everything and have it named; returns `sha256:…` of the bytes that were read."""
        location = self._begin()
        offset, failures = 0, 0
        while offset < self.size:
            try:
                location, offset = self._patch(location, offset), min(self.size, offset + PIECE)
                failures = 0
            except _Broken as broken:
                failures += 1
                if failures >= ATTEMPTS:
                    raise broken.error from None
                self.session.pause(broken.wait if broken.wait is not None else pause(failures))
                location, offset = self._resume(location)
        digest = "sha256:" + self.sha256.hexdigest()
        self.check(digest)
        faults.point("registry.before-blob-name")
        finish(self.session, location, self.scope, digest)
        return digest

    def _begin(self) -> str:
        return begin(self.session, self.path, self.scope)

    def _patch(self, location: str, offset: int) -> str:
        size = min(PIECE, self.size - offset)
        headers = {**OCTETS, "Content-Length": str(size)}
        if offset or size < self.size:
            headers["Content-Range"] = f"{offset}-{offset + size - 1}"
        try:
            answer = self.session.request(
                "PATCH",
                location,
                self.scope,
                expected=[202, *AGAIN],
                headers=headers,
                body=lambda: self._bytes(offset, size),
                attempts=1,
            )
        except UnreachableError as error:
            raise _Broken(error) from None
        if answer.status != 202:
            refused = problems.refused(self.session.host, answer, self.session.authority)
            raise _Broken(refused, problems.retry_after(answer))
        return location_of(answer, self.session)

    def _bytes(self, offset: int, size: int) -> Iterator[bytes]:
        left = size
        with self.open(offset) as stream:
            while left and (piece := stream.read(min(CHUNK, left))):
                self._hash(offset + size - left, piece)
                left -= len(piece)
                yield piece
                faults.point("registry.mid-blob")
        if left:
            raise RefusedError("what is sent became shorter while it was read", kind="changed")

    def _hash(self, position: int, piece: bytes) -> None:
        """Take what wasn't hashed before."""
        new = memoryview(piece)[max(0, self.hashed - position) :]
        self.sha256.update(new)
        self.hashed += len(new)
        self.told(len(new))

    def _resume(self, location: str) -> tuple[str, int]:
        """Where the registry stands; an upload that it has forgotten begins anew."""
        answer = self.session.request("GET", location, self.scope, expected=[204, 202, 200, 404, 416])
        if answer.status in (404, 416):
            return self._begin(), 0
        ends = answer.headers.get("range", "").rpartition("-")[2]
        there = int(ends) + 1 if ends.isdigit() else 0
        if there > self.hashed or (there == 1 and self.hashed == 0):
            there = 0  # "0-0" is also said of an upload without any bytes
        return location_of(answer, self.session, location), there


class _Broken(Exception):
    """A stream that ended early. `wait`: the seconds that the registry asks for."""

    def __init__(self, error: Exception, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.wait = error, wait


def begin(session: Session, path: str, scope: str) -> str:
    """Start an upload; returns where its bytes go."""
    answer = session.request(
        "POST", f"/v2/{path}/blobs/uploads/", scope, expected=[202], headers={"Content-Length": "0"}
    )
    return location_of(answer, session)


def finish(session: Session, location: str, scope: str, digest: str, data: bytes = b"") -> None:
    """Name what was sent, with the last bytes; the registry compares the digest."""
    headers = {**OCTETS, "Content-Length": str(len(data))}
    session.request("PUT", _with_digest(location, digest), scope, expected=[201, 204], headers=headers, body=data)


def location_of(answer: BaseHTTPResponse, session: Session, known: str | None = None) -> str:
    """Where an upload goes on: a registry may say another place each time."""
    location = answer.headers.get("location") or known
    if location is None:
        raise UnreachableError(f"{session.host} does not say where an upload goes on", kind=problems.KIND)
    return session.url(location)


def _with_digest(location: str, digest: str) -> str:
    parts = urlsplit(location)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("digest", digest)])
    return parts._replace(query=query).geturl()
