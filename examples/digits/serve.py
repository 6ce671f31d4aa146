"""Serve the model: GET /ready, GET /model (what was loaded), POST /predict {"pixels": [[64 shades], …]}."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from model_digest import ModelDigest
from network import MODEL, parse, probabilities

LOADED = ModelDigest()
WEIGHTS = parse(LOADED.read(str(MODEL), MODEL.name))
DIGEST = LOADED.digest
LIMIT = 10_000_000


def predict(body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and answer to a request body."""
    try:
        pixels = np.array(json.loads(body)["pixels"], dtype=np.float32)
    except (ValueError, KeyError, TypeError):
        return 400, {"error": 'expected {"pixels": [[64 numbers from 0 to 16], …]}'}
    if pixels.ndim != 2 or pixels.shape[1] != 64:
        return 400, {"error": f"expected rows of 64 numbers, found an array of shape {list(pixels.shape)}"}
    found = probabilities(WEIGHTS, pixels)
    return 200, {"labels": found.argmax(axis=1).tolist(), "probabilities": found.round(4).tolist()}


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON."""

    timeout = 10

    def do_GET(self) -> None:
        """Readiness and the digest of the model."""
        answers = {"/ready": {"ready": True}, "/model": {"digest": DIGEST}}
        found = answers.get(self.path)
        self.answer(200 if found else 404, found or {"error": "not found"})

    def do_POST(self) -> None:
        """Predictions."""
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/predict" or length > LIMIT:
            self.close_connection = True
            self.answer(404 if length <= LIMIT else 413, {"error": "not found" if length <= LIMIT else "too large"})
            return
        self.answer(*predict(self.rfile.read(length)))

    def answer(self, status: int, document: dict[str, Any]) -> None:
        """Send a JSON document."""
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """Serve until SIGTERM, then finish what is being answered."""
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()


if __name__ == "__main__":
    main()
