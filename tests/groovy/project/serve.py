"""A server that reports what it has loaded, by the program's own rule for digests (docs/digest.md)."""

import hashlib
import http.server
import json
import os
from pathlib import Path

data = Path("weights.safetensors").read_bytes()
entry = {"path": "weights.safetensors", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
document = json.dumps({"files": [entry], "ignore": []}, separators=(",", ":"), sort_keys=True)
digest = "sha256:" + hashlib.sha256(b"model-devops.digest.v1\n" + document.encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"digest": digest, "version": os.environ.get("MODEL_DEVOPS_VERSION")}).encode())

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
