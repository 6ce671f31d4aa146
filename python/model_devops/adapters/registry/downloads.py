"""Reading blobs as streams that go on where a connection broke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_devops.adapters import transport
from model_devops.adapters.registry import problems
from model_devops.adapters.registry.session import ATTEMPTS, Answer, Session
from model_devops.errors import UnreachableError

if TYPE_CHECKING:
    from types import TracebackType

    from urllib3 import BaseHTTPResponse


@dataclass
class Download:
    """A blob as a stream. `read` gives fewer bytes than asked only at the end; nobody has checked them yet.

    Nothing is asked before the first `read`.
    """

    session: Session
    path: str
    """Of the blob: `/v2/NAME/blobs/DIGEST`."""
    scope: str
    position: int = 0
    _stream: BaseHTTPResponse | None = None
    _failures: int = 0

    def __enter__(self) -> Download:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back, or close it where not all was read."""
        if self._stream is not None:
            self._stream.close()
            self._stream.release_conn()
            self._stream = None

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes. Raises UnreachableError once trying again didn't help."""
        found = b""
        while len(found) < size:
            try:
                piece = self._piece(size - len(found))
            except transport.failures() as error:
                self._again(error)
                continue
            if not piece:
                break
            self._failures = 0
            self.position += len(piece)
            found = found + piece if found else piece
        return found

    def _piece(self, size: int) -> bytes:
        if self._stream is None:
            self._open()
        return self._stream.read(size) if self._stream else b""

    def _again(self, error: Exception) -> None:
        self.close()
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise problems.unreachable(self.session.host, error) from None
        self.session.pause(transport.pause(self._failures))

    def _open(self) -> None:
        headers = {"Range": f"bytes={self.position}-"} if self.position else {}
        answer = self.session.request(
            "GET", self.path, self.scope, expected=[200, 206, 416], headers=headers, stream=True
        )
        self._stream = answer.stream  # none where the connection broke after the last byte
        if self.position and self._stream is not None:
            self._find_position(answer, self._stream)

    def _find_position(self, answer: Answer, stream: BaseHTTPResponse) -> None:
        if answer.status == 206:
            if not answer.headers.get("content-range", "").startswith(f"bytes {self.position}-"):
                raise UnreachableError(f"{self.session.host} sends another part than asked", kind=problems.KIND)
            return
        left = self.position  # a registry that knows no ranges sends all again
        while left:
            piece = stream.read(min(left, 1 << 20))
            if not piece:
                raise UnreachableError(f"{self.session.host} sends less than before", kind=problems.KIND)
            left -= len(piece)
