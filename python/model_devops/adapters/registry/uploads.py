"""Sending blobs: mounted where the registry has them elsewhere, else as one stream that is taken up again.

One PATCH carries a blob as Docker sends it, which all registries take, up to PIECE bytes (some refuse bodies of
20 GB); after a broken connection the registry is asked how much it has, and gets the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from model_devops import faults
from model_devops.adapters import transport
from model_devops.adapters.registry import problems
from model_devops.adapters.registry.session import AGAIN, ATTEMPTS, Answer, Session
from model_devops.errors import RefusedError, UnreachableError

CHUNK = 1 << 20
PIECE = 8 << 30
ANEW = 3
"""Times that a blob is begun whose upload a registry forgets at the very end."""
_STANDS = {200, 202, 204, 400, 404, 405, 416}
"""Answers to where an upload stands, also where there is none."""
OCTETS = {"Content-Type": "application/octet-stream"}


class Stream(Protocol):
    """Bytes to be sent."""

    def read(self, size: int, /) -> bytes | None:
        """Up to `size` bytes; nothing at the end."""


Open = Callable[[int], AbstractContextManager[Stream]]
"""Opens what is to be sent at this offset; may be called again after a broken connection."""


@dataclass
class Upload:
    """One blob on its way. Its bytes are hashed when they are first read, unless it is known what they are."""

    session: Session
    path: str
    scope: str
    size: int
    open: Open
    told: Callable[[int], object]
    """Told of bytes that were read for the first time."""
    check: Callable[[str], object]
    """Called with the digest before the bytes get their name, and again with what they are where they are refused."""
    known: str | None = None
    """The digest that they have: it isn't computed here, since the registry compares it with what it got."""
    begun: str = ""
    """Where an upload that is begun goes on."""
    seen: int = 0
    """Bytes that were read so far, at least once."""
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    lost: bool = False
    """Whether what is to be sent can't be read."""

    def run(self) -> str:
        """Send everything and have it named; returns its digest."""
        for _ in range(ANEW):
            location = self._send()
            digest = self.known or "sha256:" + self.sha256.hexdigest()
            self.check(digest)
            faults.point("registry.before-blob-name")
            if self._named(location, digest):
                return digest
        raise forgotten(self.session)

    def _named(self, location: str, digest: str) -> bool:
        """As `finish`. Bytes that are refused may not be what was known: then `check` says so."""
        try:
            return finish(self.session, self.path, location, self.scope, digest)
        except RefusedError as error:
            if self.known and error.kind == problems.KIND:
                self.check(self._digest())
            raise

    def _digest(self) -> str:
        """Of what would be sent now."""
        sha256 = hashlib.sha256()
        with self.open(0) as stream:
            while piece := stream.read(CHUNK):
                sha256.update(piece)
        return "sha256:" + sha256.hexdigest()

    def _send(self) -> str:
        """Have the registry take all bytes; returns where they get their name."""
        location, self.begun = self.begun or begin(self.session, self.path, self.scope), ""
        offset, failures, farthest = 0, 0, 0
        while offset < self.size:
            try:
                location, offset = self._patch(location, offset, failures), min(self.size, offset + PIECE)
            except _Broken as broken:
                failures += 1
                if failures >= ATTEMPTS:
                    raise broken.error from None
                self.session.pause(transport.pause(failures) if broken.wait is None else broken.wait)
                location, offset = self._resume(location)
            if offset > farthest:  # what gets on, however slowly, is not given up
                farthest, failures = offset, 0
        return location

    def _patch(self, location: str, offset: int, failures: int) -> str:
        size = min(PIECE, self.size - offset)
        headers = {**OCTETS, "Content-Length": str(size)}
        if offset or size < self.size:
            headers["Content-Range"] = f"{offset}-{offset + size - 1}"
        try:
            answer = self.session.request(
                "PATCH",
                location,
                self.scope,
                expected=[202, 404, 416, *AGAIN],
                headers=headers,
                body=lambda: self._bytes(offset, size),
                attempts=1,
            )
        except UnreachableError as error:
            if self.lost:
                raise
            raise _Broken(error) from None
        if answer.status == 202:
            return location_of(answer, self.session)
        refused = problems.refused(self.session.host, answer, self.session.authority)
        wait = self.session.wait(answer, failures)
        if wait is None and answer.status in AGAIN:  # it asks for more patience than we have
            raise refused
        raise _Broken(refused, wait)

    def _bytes(self, offset: int, size: int) -> Iterator[bytes]:
        left = size
        with self._source(offset) as read:
            while left and (piece := read(min(CHUNK, left))):
                self._note(offset + size - left, piece)
                left -= len(piece)
                yield piece
                faults.point("registry.mid-blob")
        if left:
            raise RefusedError("what is sent became shorter while it was read", kind="changed")

    @contextlib.contextmanager
    def _source(self, offset: int) -> Iterator[Callable[[int], bytes | None]]:
        """What reads from there. Where that can't be, it isn't the registry's fault that the stream ends."""
        self.lost = True
        with self.open(offset) as stream:

            def read(size: int) -> bytes | None:
                self.lost = True
                piece = stream.read(size)
                self.lost = False
                return piece

            self.lost = False
            yield read

    def _note(self, position: int, piece: bytes) -> None:
        """Take what wasn't read before."""
        new = memoryview(piece)[max(0, self.seen - position) :]
        if self.known is None:
            self.sha256.update(new)
        self.seen += len(new)
        self.told(len(new))

    def _resume(self, location: str) -> tuple[str, int]:
        """Where the registry stands; an upload that it has forgotten, or can't be asked about, begins anew."""
        answer = self.session.request("GET", location, self.scope, expected=_STANDS)
        ends = answer.headers.get("range", "").rpartition("-")[2]
        there = int(ends) + 1 if re.fullmatch("[0-9]{1,18}", ends) else 0
        if there > self.seen or there < 2:
            return begin(self.session, self.path, self.scope), 0  # "0-0" is also said of an upload without any bytes
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


def finish(session: Session, path: str, location: str, scope: str, digest: str, data: bytes = b"") -> bool:
    """Name what was sent, with the last bytes; the registry compares the digest.

    Returns False where it has forgotten the upload: not where only its answer to an earlier attempt was lost.
    """
    headers = {**OCTETS, "Content-Length": str(len(data))}
    answer = session.request(
        "PUT", _with_digest(location, digest), scope, expected=[201, 204, 404], headers=headers, body=data
    )
    if answer.status != 404:
        return True
    return session.request("HEAD", f"/v2/{path}/blobs/{digest}", scope, expected=[200, 404]).status == 200


def forgotten(session: Session) -> UnreachableError:
    """The error for a registry that forgets what it was sent."""
    return UnreachableError(f"{session.host} forgets uploads before they are ended", kind=problems.KIND)


def location_of(answer: Answer, session: Session, known: str | None = None) -> str:
    """Where an upload goes on: a registry may say another place each time."""
    location = answer.headers.get("location") or known
    if location is None:
        raise UnreachableError(f"{session.host} does not say where an upload goes on", kind=problems.KIND)
    return session.url(location)


def _with_digest(location: str, digest: str) -> str:
    parts = urlsplit(location)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("digest", digest)])
    return parts._replace(query=query).geturl()
