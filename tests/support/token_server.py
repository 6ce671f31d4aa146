"""A token server for Distribution's registry (its `auth: token`), and logins that are found in other ways."""

import base64
import datetime
import http.server
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

#: The name and the secret that no output may show, and its hash as `htpasswd -B` writes it.
USER, SECRET = "robot", "can4ry/+=&p w"
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuu7yXkiX3cVo0Rt3INnsvvkO2PoptVJdG\n"
LEEWAY = 60
"""Seconds that the registry accepts a token beyond its end."""


def forms() -> list[str]:
    """How the secret may look in what is written."""
    found = [SECRET, urllib.parse.quote(SECRET, safe=""), urllib.parse.quote(SECRET), urllib.parse.quote_plus(SECRET)]
    for text in (SECRET, f"{USER}:{SECRET}"):
        found += [base64.b64encode(text.encode()).decode(), base64.urlsafe_b64encode(text.encode()).decode()]
    return [form.rstrip("=") for form in found]


@dataclass
class TokenServer:
    """Gives tokens to USER with SECRET; `writers` may push, all may pull if they log in."""

    folder: Path
    address: str = ""
    writers: set[str] = field(default_factory=lambda: {USER})
    lives: list[float] = field(default_factory=list)
    """Seconds that the next tokens live; later ones live long."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and scope of each question."""
    given: list[str] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    """What is said to the next questions in place of a token."""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        now = datetime.datetime.now(datetime.timezone.utc)
        self.certificate = (
            x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.bundle = self.folder / "token.pem"
        self.bundle.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def auth(self) -> str:
        """For the registry's configuration."""
        return (
            f"auth: {{token: {{realm: 'http://{self.address}/token', service: tests, issuer: tests,"
            f" rootcertbundle: '{self.bundle}'}}}}"
        )

    def token(self, user: str, scopes: list[str]) -> str:
        life = self.lives.pop(0) if self.lives else 300
        now = int(time.time())
        claims = {
            "iss": "tests",
            "sub": user,
            "aud": "tests",
            "nbf": now - 100,
            "iat": now,
            "exp": int(now + life),
            "jti": str(len(self.given)),
            "access": [self._access(user, *scope.split(":")) for scope in scopes],
        }
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        signed = b".".join(_coded(json.dumps(part).encode()) for part in (header, claims))
        signature = self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        self.given.append((signed + b"." + _coded(signature)).decode())
        return self.given[-1]

    def _access(self, user: str, kind: str, name: str, actions: str) -> dict[str, Any]:
        wanted = [action for action in actions.split(",") if action == "pull" or user in self.writers]
        return {"type": kind, "name": name, "actions": wanted}


def _coded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _handler(server: TokenServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            login = base64.b64decode(self.headers.get("Authorization", "").partition(" ")[2]).decode()
            user, _, secret = login.partition(":")
            self._give(user, secret, query.get("scope", []))

        def do_POST(self) -> None:
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._give(USER, form["refresh_token"][0], form.get("scope", [""])[0].split())

        def _give(self, user: str, secret: str, scopes: list[str]) -> None:
            server.asked.append((self.command, " ".join(scopes)))
            status, body = 200, b""
            if server.answers:
                status, body = server.answers.pop(0)
            elif (user, secret) != (USER, SECRET):
                # A server that is careless with what it was told.
                status, body = 401, json.dumps({"errors": [{"code": "DENIED", "message": f"{user}:{secret}"}]}).encode()
            else:
                name = "token" if self.command == "GET" else "access_token"
                body = json.dumps({name: server.token(user, scopes)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def token_server(folder: Path) -> Iterator[TokenServer]:
    folder.mkdir(parents=True, exist_ok=True)
    tokens = TokenServer(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(tokens))
    server.daemon_threads = True
    tokens.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield tokens
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
