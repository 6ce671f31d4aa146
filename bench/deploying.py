"""What `deploy` on the local target adds to the server's own start, with a model of 100 MB."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from measuring import PROGRAM, Row, quietly, wall

ROUNDS = 5
SIZE = 100_000_000
SERVER = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
open("weights.safetensors", "rb").read()
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
MODEL = """\
name: heavy
artifacts: {{model: weights.safetensors, code: server.py, params: params.yaml}}
serve: {{command: exec {python} -I server.py, ready: /ready}}
environments:
  test: {{target: local, port: {port}}}
"""


def rows() -> Iterator[Row]:
    """Each round deploys another release; the server's own start is measured between."""
    with tempfile.TemporaryDirectory() as folder:
        project, environment = Path(folder) / "heavy", {"MODEL_DEVOPS_HOME": f"{folder}/home"}
        _make(project)
        try:
            pairs = [(_deploy(project, environment, number), _start(project)) for number in range(ROUNDS + 1)]
        finally:
            subprocess.run(
                [*PROGRAM, "stop", "test"], cwd=project, env=os.environ | environment, check=False, capture_output=True
            )
        ours = min(first for first, _ in pairs[1:])
        theirs = min(second for _, second in pairs[1:])
        yield Row("deploy of a model of 100 MB", ours, "the server's own start", theirs, theirs + 0.5)


def _make(project: Path) -> None:
    project.mkdir()
    port = _free_port()
    (project / "model.yaml").write_text(MODEL.format(python=sys.executable, port=port))
    (project / "server.py").write_text(SERVER)
    header = json.dumps({"w": {"dtype": "U8", "shape": [SIZE], "data_offsets": [0, SIZE]}}).encode()
    (project / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + os.urandom(SIZE))
    quietly("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    for key, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        quietly("git", "config", key, value, cwd=project)


def _deploy(project: Path, environment: dict[str, str], number: int) -> float:
    """Build a release with another parameter and time its deployment."""
    (project / "params.yaml").write_text(f"a: {number}\n")
    quietly("git", "add", ".", cwd=project)
    quietly("git", "commit", "--quiet", "--message", f"Number {number}", cwd=project)
    quietly(*PROGRAM, "build", cwd=project, environment=environment)
    return wall(lambda: quietly(*PROGRAM, "deploy", "test", cwd=project, environment=environment))


def _start(project: Path) -> float:
    """The time from starting the server to its first answer, without this program."""
    port = _free_port()
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-I", "server.py"],
        cwd=project,
        env=os.environ | {"PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready(port):
            time.sleep(0.002)
        return time.perf_counter() - started
    finally:
        server.kill()
        server.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
