"""Asking a pod's server over HTTP through the API server, without opening a port here."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import time
from collections.abc import Iterator
from typing import Any

from model_devops.adapters.answers import LIMIT, Answer
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.streams import Stream, opened, pod_path

_DATA, _ERROR = 0, 1
_PORT = 2
"""Bytes with which each channel begins: the port that it is of."""


@contextlib.contextmanager
def forward(cluster: Cluster, namespace: str, pod: str, port: int) -> Iterator[Tunnel]:
    """A way to what listens on a port of a pod, on `localhost` as the pod sees it, until the end of the block.

    Nothing is asked yet. By one thread at a time.
    """
    tunnel = Tunnel(cluster, pod_path(namespace, pod, "portforward"), port)
    try:
        yield tunnel
    finally:
        tunnel.close()


class Tunnel:
    """HTTP requests to one port of a pod. A connection is kept for as long as the server keeps it."""

    def __init__(self, cluster: Cluster, path: str, port: int) -> None:
        self._cluster = cluster
        self._path, self._port = path, port
        self._pipe: _Pipe | None = None
        self._open = contextlib.ExitStack()

    def request(self, method: str, path: str, *, body: Any = None, seconds: float) -> Answer:
        """Send one request, its body as JSON, and read the answer within so many seconds.

        Never raises for what the server does: then `status` is 0. Raises NotRunningError, and what `Cluster` raises.
        """
        deadline = time.monotonic() + max(seconds, 0.01)
        kept = self._pipe is not None
        answer = self._asked(method, path, body, deadline)
        if kept and answer is None:  # the server ended a connection that it had kept, as it may at any time
            answer = self._asked(method, path, body, deadline)
        return answer or Answer(0, "the server ends the connection without an answer")

    def close(self) -> None:
        """End the connection, if there is one."""
        self._pipe = None
        self._open.close()

    def _asked(self, method: str, path: str, body: Any, deadline: float) -> Answer | None:
        """The answer; None where the connection ended before one began."""
        pipe = self._pipe = self._connected(deadline)
        connection = http.client.HTTPConnection("localhost", self._port)
        connection.sock = pipe
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {} if data is None else {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read(LIMIT).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return pipe.failure(error)
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(response.status, text)

    def _connected(self, deadline: float) -> _Pipe:
        if self._pipe is None:
            query = [("ports", str(self._port))]
            stream = opened(self._cluster.session, self._path, query, ["v4.channel.k8s.io"], deadline)
            return _Pipe(self._open.enter_context(stream))
        self._pipe.stream.deadline = deadline
        return self._pipe


class _Pipe(io.RawIOBase):
    """A stream to a port, as http.client wants a socket."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._rest = b""
        self._skip = {_DATA: _PORT, _ERROR: _PORT}
        self._words = b""
        """What the cluster says went wrong."""
        self._begun = False

    def sendall(self, data: Any) -> None:
        self._begun = False
        self.stream.send(_DATA, bytes(data))

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Unclosed(self))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and self._more():
            pass
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def _more(self) -> bool:
        found = self.stream.receive()
        if found is None:
            return False
        channel, data = found
        skipped = min(self._skip.get(channel, 0), len(data))
        self._skip[channel] = self._skip.get(channel, 0) - skipped
        if channel == _ERROR:
            self._words += data[skipped:]
        else:
            self._rest += data[skipped:]
            self._begun = self._begun or len(data) > skipped
        return True

    def failure(self, error: Exception) -> Answer | None:
        """What to tell of an answer that did not come; None where the connection ended in silence."""
        if self._words:
            words = " ".join(self._words.decode("utf-8", "replace").split())
            return Answer(0, words, "refused" in words)
        if isinstance(error, TimeoutError):
            return Answer(0, "no answer in time")
        ended = isinstance(error, (http.client.RemoteDisconnected, ConnectionError)) and not self._begun
        return None if ended else Answer(0, f"{type(error).__name__}: {error}")


class _Unclosed(io.RawIOBase):
    """A view whose end doesn't end the connection: each answer is read through one of its own."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._pipe.readinto(buffer)
