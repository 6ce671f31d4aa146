"""Those who are told: real servers for webhooks and mail on this machine, that answer as they are asked to."""

import http.server
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


@dataclass
class Received:
    path: str
    headers: dict
    body: bytes


@dataclass
class Hook:
    """A webhook. `answers` are given in turn, then 200: a status, `(status, headers)`, or `reset`, `hang`, `drip`."""

    answers: list = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def only(self) -> Received:
        (one,) = self.received
        return one


def _handler(hook: Hook) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hook.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answer = hook.answers.pop(0) if hook.answers else 200
            if isinstance(answer, str):
                getattr(self, answer)()
                return
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST

        def reset(self) -> None:
            """Close without an answer, as a server that dies."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            self.wfile = self.rfile  # nothing more can be written

        def hang(self) -> None:
            hook.closing.wait(60)

        def drip(self) -> None:
            """One byte of an endless header at a time: no single wait is ever too long."""
            while not hook.closing.wait(0.02):
                self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that gives up is no news."""


@contextmanager
def hook_server(tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    hook = Hook()
    server = _Server(("127.0.0.1", 0), _handler(hook))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    hook.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/services/T0/s3cr3t-path"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hook
    finally:
        hook.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context


def ca_file(ca: trustme.CA, folder: Path) -> str:
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return str(folder / "ca.pem")


@dataclass
class Mailbox:
    """What an SMTP server took. `refuse` maps recipients, `data` the next messages, to an answer other than 250."""

    mails: list = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    port: int = 0
    logins: list = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.data:
            return self.data.pop(0)
        self.mails.append((session.ssl is not None, envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


class _Controller(Controller):
    """`tls` offers STARTTLS, `ssl_context` speaks TLS from the first byte."""

    def __init__(self, mailbox: Mailbox, tls: ssl.SSLContext | None, **named) -> None:
        self.tls = tls
        super().__init__(mailbox, hostname="127.0.0.1", port=0, **named)

    def factory(self) -> SMTP:
        return SMTP(self.handler, tls_context=self.tls, authenticator=self._authenticate, auth_require_tls=False)

    def _authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        login = (data.login, data.password)
        self.handler.logins.append(login)
        fine = login == (b"robot", b"pass-w0rd/+")
        # A server that is careless with what it was told.
        echo = None if fine else f"535 5.7.8 {data.login.decode()}:{data.password.decode()} is wrong"
        return AuthResult(success=fine, handled=False, message=echo)

    def _trigger_server(self) -> None:
        self.handler.port = self.server.sockets[0].getsockname()[1]
        self.port = self.handler.port
        super()._trigger_server()


@contextmanager
def smtp_server(tls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = _Controller(mailbox, tls, ssl_context=implicit)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop(no_assert=True)
