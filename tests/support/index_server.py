"""A package index on loopback: a folder of wheels, with the faults that indexes and networks have."""

from __future__ import annotations

import base64
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agents import Agent


class Index:
    """What the index does. `password`: asked of everybody. `changed`: the package whose bytes are others."""

    def __init__(self, wheels: Path, *, status: int = 200, password: str = "", changed: str = "") -> None:
        self.files = {path.name: path for path in wheels.iterdir()}
        self.status = status
        self.password = password
        self.changed = changed
        self.url = ""
        #: The next request for a file of this package waits until `go_on`; `arrived` tells of it.
        self.stall = ""
        self.arrived = threading.Event()
        self.go_on = threading.Event()

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Status and body for a request."""
        wanted = "Basic " + base64.b64encode(f"somebody:{self.password}".encode()).decode()
        if self.password and authorization != wanted:
            return 401, b""
        if self.status != 200:
            return self.status, b""
        kind, _, name = path.strip("/").partition("/")
        if kind == "simple":
            return 200, "".join(f'<a href="/files/{file}">{file}</a>' for file in self._of(name)).encode()
        if self.stall and name.startswith(self.stall):
            self.stall = ""
            self.arrived.set()
            self.go_on.wait(100)
        data = self.files[name].read_bytes()
        return 200, data + b"changed" if self.changed and name.startswith(self.changed) else data

    def _of(self, name: str) -> list[str]:
        return [file for file in self.files if file.split("-")[0].lower().replace("_", "-") == name]


@contextmanager
def served(index: Index, certificate: Path | None = None) -> Iterator[Index]:
    """Serve it; with a certificate (and its key, in one file) by TLS. `index.url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = index.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/zip")
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    index.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}/simple"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        index.go_on.set()
        server.shutdown()
        server.server_close()


@contextmanager
def instead_of_folder(agent: Agent) -> Iterator[Index]:
    """What the agent's folder of wheels holds, as an index; tests can stop pip there."""
    index = Index(Path(agent.variables.pop("PIP_FIND_LINKS")))
    del agent.variables["PIP_NO_INDEX"]
    with served(index):
        agent.variables |= {"PIP_INDEX_URL": index.url, "PIP_NO_CACHE_DIR": "1", "PIP_TIMEOUT": "100"}
        yield index


def make_authority(folder: Path) -> tuple[Path, Path]:
    """An authority of one's own: its certificate, and a server's certificate with key for 127.0.0.1."""
    folder.mkdir()
    common = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]

    def run(*words: str) -> None:
        subprocess.run([*common, *words], cwd=folder, check=True, capture_output=True)

    run("-subj", "/CN=Our own authority", "-keyout", "ca.key", "-out", "ca.pem")
    address = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    run("-subj", "/CN=mirror", *address, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "key", "-out", "crt")
    (folder / "server.pem").write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return folder / "ca.pem", folder / "server.pem"
