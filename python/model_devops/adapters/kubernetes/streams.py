"""Open connections into a container, through the API server: numbered channels over one web socket."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from model_devops.adapters.kubernetes.access import Way
from model_devops.adapters.kubernetes.session import AGENT, Answer, Query, Session

if TYPE_CHECKING:
    from kubernetes.client.configuration import Configuration
    from websocket import WebSocket

HANDSHAKE = 10.0
"""Seconds for reaching the cluster and having it agree."""
_CLOSE = 255
"""The channel on which the end of another one is told."""
_PIECE = 1 << 15


class Stream:
    """One connection. Everything raises TimeoutError at its `deadline`, and OSError where it breaks off."""

    def __init__(self, socket: WebSocket, deadline: float) -> None:
        self._socket = socket
        self.deadline = deadline
        """By time.monotonic(); may be moved."""

    def receive(self) -> tuple[int, bytes] | None:
        """The next channel and what came on it; None at the end."""
        from websocket import ABNF

        while True:
            with self._in_time():
                kind, frame = self._socket.recv_data_frame(True)
            data = bytes(frame.data)
            if kind == ABNF.OPCODE_CLOSE:
                return None
            if kind in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and data:
                return data[0], data[1:]

    def send(self, channel: int, data: bytes) -> None:
        """Send all of it."""
        for at in range(0, len(data), _PIECE):
            with self._in_time():
                self._socket.send_binary(bytes([channel]) + data[at : at + _PIECE])

    def end(self, channel: int) -> None:
        """Tell that nothing more comes on a channel (protocol v5)."""
        with self._in_time():
            self._socket.send_binary(bytes([_CLOSE, channel]))

    def close(self) -> None:
        """Break off; what runs at the other end isn't told."""
        self._socket.shutdown()

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        with _as_the_system_says():
            yield


@contextlib.contextmanager
def opened(session: Session, path: str, query: Query, protocols: Sequence[str], deadline: float) -> Iterator[Stream]:
    """A connection, until the end of the block. Raises what a request to the cluster may raise."""

    def send(way: Way) -> Answer:
        return _asked(way, f"{path}?{urlencode(query)}", protocols, deadline)

    stream: Stream = session.upgrade(send, deadline).stream
    try:
        yield stream
    finally:
        stream.close()


def pod_path(namespace: str, pod: str, what: str) -> str:
    """Where something can be asked of a pod."""
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/{what}"


def _asked(way: Way, path: str, protocols: Sequence[str], deadline: float) -> Answer:
    from kubernetes.stream.ws_client import websocket_proxycare
    from websocket import WebSocket, WebSocketBadStatusException

    configuration = way.configuration
    socket = WebSocket(sslopt=_trust(configuration), skip_utf8_validation=True)
    url = f"ws{way.base.removeprefix('http')}{path}"
    headers = {"User-Agent": AGENT, **way.headers}
    options: dict[str, Any] = {"header": headers, "subprotocols": list(protocols), "suppress_origin": True}
    if configuration.proxy:
        options = websocket_proxycare(options, configuration, url, headers)
    seconds = max(0.01, min(HANDSHAKE, deadline - time.monotonic()))
    try:
        with _as_the_system_says():
            socket.connect(url, timeout=seconds, redirect_limit=0, **options)
    except WebSocketBadStatusException as error:
        return Answer(error.status_code, dict(error.resp_headers or {}), error.resp_body or b"")
    return Answer(101, {}, b"", Stream(socket, deadline))


@contextlib.contextmanager
def _as_the_system_says() -> Iterator[None]:
    """The library's own errors as those that every broken connection gives."""
    from websocket import WebSocketBadStatusException, WebSocketException, WebSocketTimeoutException

    try:
        yield
    except WebSocketBadStatusException:
        raise
    except WebSocketTimeoutException as error:
        raise TimeoutError from error
    except WebSocketException as error:
        raise ConnectionError(str(error)) from error


def _trust(configuration: Configuration) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    name = configuration.tls_server_name
    return {"context": context, "check_hostname": configuration.verify_ssl} | (
        {"server_hostname": name} if name else {}
    )
