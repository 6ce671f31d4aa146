"""A proxy in front of a real server (a registry, a cluster) that does what networks and tired servers do."""

import contextlib
import http.client
import http.server
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

PIECE = 1 << 16
HOP = {"connection", "keep-alive", "transfer-encoding"}


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    taken: int = 0
    """Bytes of its body that were read."""
    given: int = 0
    """Bytes of the answer's body."""
    status: int = 0


@dataclass
class Fault:
    """What happens to the requests that match, in place of being passed on: `times` times, after `after` others."""

    method: str
    path: str
    act: "Callable[[Exchange], None]"
    times: int = 1
    after: int = 0

    def takes(self, seen: Seen) -> bool:
        if not (re.fullmatch(self.method, seen.method) and re.search(self.path, seen.path) and self.times):
            return False
        self.after -= 1
        if self.after >= 0:
            return False
        self.times -= 1
        return True


@dataclass
class Proxy:
    """Where it listens, what it saw, and what it is to do."""

    target: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    address: str = ""
    upstream: ssl.SSLContext | None = None
    """How the target is spoken to; without TLS by default."""
    prefix: str = ""
    """What each path begins with here, and not at the target."""
    gate: Callable[[Seen], None] = lambda _: None
    """Called before a request is passed on."""
    closing: threading.Event = field(default_factory=threading.Event)
    kept: dict[str, str] = field(default_factory=dict)
    """Where uploads go on that were broken and whose bytes were kept."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, act: "Callable[[Exchange], None]", *, times: int = 1, after: int = 0) -> None:
        self.faults.append(Fault(method, path, act, times, after))

    def dial(self) -> http.client.HTTPConnection:
        """A connection to the target."""
        if self.upstream is None:
            return http.client.HTTPConnection(self.target, timeout=60)
        return http.client.HTTPSConnection(self.target, timeout=60, context=self.upstream)

    def all(self, method: str, path: str = "") -> list[Seen]:
        """The requests of this kind."""
        return [one for one in self.seen if re.fullmatch(method, one.method) and re.search(path, one.path)]


class Exchange:
    """One request and what is answered."""

    def __init__(self, proxy: Proxy, handler: http.server.BaseHTTPRequestHandler, seen: Seen) -> None:
        self.proxy, self.handler, self.seen = proxy, handler, seen

    @property
    def path(self) -> str:
        """What the target is asked for."""
        return self.seen.path.removeprefix(self.proxy.prefix)

    def body(self, most: int | None = None) -> Iterator[bytes]:
        """What the client sends, up to so many bytes."""
        left = int(self.seen.headers.get("content-length", 0))
        left = left if most is None else min(most, left)
        while left and (piece := self.handler.rfile.read(min(PIECE, left))):
            left -= len(piece)
            self.seen.taken += len(piece)
            yield piece

    def ask(
        self, *, path: str = "", body: Iterable[bytes] | None = None, **changed: str | None
    ) -> http.client.HTTPResponse:
        """What the registry answers. `changed`: headers, with _ for -; None leaves one out."""
        headers = {name: value for name, value in self.seen.headers.items() if name not in HOP}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        connection = self.proxy.dial()
        kept = self.proxy.kept.get(self.seen.path.partition("?")[0]) if self.seen.method == "GET" else None
        connection.putrequest(self.seen.method, path or kept or self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders()
        for piece in self.body() if body is None else body:
            connection.send(piece)
        return connection.getresponse()

    def answer(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        *,
        length: int | None = None,
    ) -> None:
        """Answer the client. A `length` that isn't the body's, or -1 for none, and the connection ends with it."""
        self.seen.status = status
        handler = self.handler
        handler.send_response_only(status)
        for name, value in (headers or {}).items():
            if name.lower() not in HOP | {"content-length"}:
                handler.send_header(name, value)
        if length is None and isinstance(body, bytes):
            length = len(body)
        else:
            handler.close_connection = True
        if length is not None and length >= 0:
            handler.send_header("Content-Length", str(length))
        if handler.close_connection:
            handler.send_header("Connection", "close")
        handler.end_headers()
        for piece in [body] if isinstance(body, bytes) else body:
            self.seen.given += len(piece)
            handler.wfile.write(piece)
        handler.wfile.flush()

    def passed_on(self, **changed: str | None) -> None:
        """As if there were no proxy."""
        if self.seen.headers.get("upgrade") == "websocket":
            self.join()
        else:
            self.copy(self.ask(**changed))

    def join(self, most: int = 1 << 60) -> None:
        """Let both ends speak as they like, until the target has said so many bytes."""
        connection = self.proxy.dial()
        connection.connect()
        client, target = self.handler.connection, connection.sock
        head = [f"{name}: {value}\r\n" for name, value in self.seen.headers.items()]
        target.sendall(f"{self.seen.method} {self.path} HTTP/1.1\r\n{''.join(head)}\r\n".encode())
        other = {client: target, target: client}
        while self.seen.given < most:
            ready = [end for end in other if end.pending()] or select.select(list(other), [], [], 60)[0]
            data = ready[0].recv(PIECE) if ready else b""
            if not data:
                break
            other[ready[0]].sendall(data)
            self.seen.given += len(data) if ready[0] is target else 0
        else:
            self.reset()
        self.handler.close_connection = True
        target.close()

    def copy(
        self,
        found: http.client.HTTPResponse,
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] | None = None,
    ) -> None:
        """Give the registry's answer, perhaps with other headers or another body of the same length."""
        length = int(found.headers.get("Content-Length", -1))
        headers = dict(found.headers) if headers is None else headers
        if self.seen.method == "HEAD":
            self._head(found.status, headers)
        elif body is None and 0 <= length < 1 << 20:
            self.answer(found.status, headers, found.read())
        else:
            self.answer(found.status, headers, body or pieces(found), length=length)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.seen.status = status
        self.handler.send_response_only(status)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def reset(self) -> None:
        """The connection breaks, as if a cable was pulled."""
        handler = self.handler
        with contextlib.suppress(OSError):
            handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()


def pieces(found: http.client.HTTPResponse) -> Iterator[bytes]:
    """A body in pieces."""
    while piece := found.read(PIECE):
        yield piece


Act = Callable[[Exchange], None]


def says(status: int, body: bytes = b"", **headers: str) -> Act:
    """Answer without asking the registry; what the client sends is read first."""

    def act(exchange: Exchange) -> None:
        for _ in exchange.body():
            pass
        exchange.answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    return act


def says_early(status: int, **headers: str) -> Act:
    """Answer before the body was read, and hang up."""

    def act(exchange: Exchange) -> None:
        exchange.handler.close_connection = True
        exchange.answer(status, {name.replace("_", "-"): value for name, value in headers.items()})

    return act


def resets(exchange: Exchange) -> None:
    """Break the connection at once."""
    exchange.reset()


def resets_after_asking(exchange: Exchange) -> None:
    """The registry does what it was asked, and its answer is lost."""
    exchange.ask().read()
    exchange.reset()


def breaks_upload(size: int, *, kept: bool = False) -> Act:
    """Break the connection after so many bytes. `kept`: the registry has them, and tells so when asked."""

    def act(exchange: Exchange) -> None:
        sent = b"".join(exchange.body(size))
        if kept:
            found = exchange.ask(body=[sent], content_length=str(len(sent)), content_range=None)
            found.read()
            location = re.sub(r"^https?://[^/]+", "", found.headers["Location"])
            exchange.proxy.kept[exchange.seen.path.partition("?")[0]] = location
        exchange.reset()

    return act


def breaks_download(size: int) -> Act:
    """Break the connection after so many bytes of the answer."""

    def act(exchange: Exchange) -> None:
        found = exchange.ask()

        def some() -> Iterator[bytes]:
            yield found.read(size)
            exchange.handler.wfile.flush()

        exchange.copy(found, body=some())
        exchange.reset()

    return act


def breaks_chunk(size: int) -> Act:
    """Break the connection after so many bytes of an answer whose length isn't told before."""

    def act(exchange: Exchange) -> None:
        found = exchange.ask()
        data = found.read()
        exchange.handler.send_response_only(found.status)
        exchange.handler.send_header("Transfer-Encoding", "chunked")
        exchange.handler.end_headers()
        exchange.handler.wfile.write(f"{len(data):x}\r\n".encode() + data[:size])
        exchange.reset()

    return act


def cuts(size: int, *, told: bool = True) -> Act:
    """End after so many bytes, in good order. `told`: the length that the registry gave is sent before."""

    def act(exchange: Exchange) -> None:
        found = exchange.ask()
        length = int(found.headers["Content-Length"]) if told else -1
        exchange.answer(found.status, dict(found.headers), [found.read()[:size]], length=length)

    return act


def alters(change: Callable[[bytes], bytes], *, without: tuple[str, ...] = ()) -> Act:
    """Change the body. `without`: headers to be left out."""

    def act(exchange: Exchange) -> None:
        found = exchange.ask()
        headers = {name: value for name, value in found.headers.items() if name.lower() not in without}
        exchange.answer(found.status, headers, change(found.read()))

    return act


def without(*names: str) -> Act:
    """Leave out headers of the answer."""

    def act(exchange: Exchange) -> None:
        found = exchange.ask()
        exchange.copy(found, {name: value for name, value in found.headers.items() if name.lower() not in names})

    return act


def retold(name: str, change: Callable[[str], str]) -> Act:
    """Change a header of the answer where it is there."""

    def act(exchange: Exchange) -> None:
        found = exchange.ask()
        headers = {key: change(value) if key.lower() == name else value for key, value in found.headers.items()}
        exchange.copy(found, headers)

    return act


def knows_no_ranges(exchange: Exchange) -> None:
    """As a registry that sends all whatever part is asked for."""
    exchange.passed_on(range=None)


def is_silent(exchange: Exchange) -> None:
    """No answer, until the proxy ends."""
    exchange.proxy.closing.wait(60)
    exchange.reset()


def flipped(data: bytes) -> bytes:
    """One bit in the middle is another."""
    at = len(data) // 2
    return data[:at] + bytes([byte ^ 1 for byte in data[at : at + 1]]) + data[at + 1 :]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A connection that breaks is what this is about."""


def _handler(proxy: Proxy) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def one(self) -> None:
            seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            proxy.gate(seen)
            with proxy.lock:
                proxy.seen.append(seen)
                fault = next((fault for fault in proxy.faults if fault.takes(seen)), None)
            exchange = Exchange(proxy, self, seen)
            (fault.act if fault else Exchange.passed_on)(exchange)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = one

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def proxied(
    target: str,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    upstream: ssl.SSLContext | None = None,
) -> Iterator[Proxy]:
    """A proxy in front of HOST:PORT, until the end of the block."""
    proxy = Proxy(target, upstream=upstream)
    server = _Server((host, 0), _handler(proxy))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    proxy.address = f"{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
