"""A small model that is served by a real little server, on ports that are free."""

import contextlib
import json
import re
import socket
import time
import urllib.request
from pathlib import Path

import psutil

from mini_project import PYTHON, Mini, make_mini

SERVER = """\
import http.server, json, os, pathlib, socket, sys, time
sys.path.insert(0, os.getcwd())
import model_digest
params = pathlib.Path("params.yaml").read_text()
def flag(name): return name in params
if flag("crash"): sys.exit("cannot load the model")
time.sleep(0.01)
loaded = model_digest.digest("model")
if flag("echo"): loaded = os.environ["MODEL_DEVOPS_MODEL_DIGEST"]
if flag("lies"): loaded = "sha256:" + "0" * 64
asked = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = {"/ready": {"ready": True}, "/model": {"digest": loaded}, "/predict": {"seed": params, "ok": True},
                   "/env": dict(os.environ)}
        status = 503 if flag("notready") and self.path == "/ready" else 200 if self.path in answers else 404
        if flag("forget") and self.path == "/predict":
            asked.append(self.path)
            answers["/predict"]["ok"] = len(asked) < 3
        if flag("wrong") and self.path == "/predict": status = 500
        body = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(status); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    allow_reuse_port = flag("shared")
    address_family = socket.AF_INET6 if ":" in os.environ["HOST"] else socket.AF_INET
print("serving", flush=True)
Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""

MODEL = """\
name: mini
artifacts:
  model: model/
  dataset: data/
  code: [train.py, evaluate.py, serve.py, model_digest.py]
  params: params.yaml
train: PYTHON train.py
test:
  run: [PYTHON evaluate.py]
  gates:
    accuracy: {min: 0.5}
serve:
  command: exec PYTHON serve.py
  digest: /model
  start_timeout: 20s
  stop_timeout: 2s
  smoke: [{path: /predict, expect: {ok: true}}]
environments:
  test: {target: local, port: PORT1, prereleases: true, proof: [measured, reported]}
  production: {target: local, port: PORT2}
"""


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that are free, each another one."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


class Served(Mini):
    """The project with two environments."""

    ports: dict

    @property
    def home(self) -> Path:
        import os

        return Path(os.environ["MODEL_DEVOPS_HOME"])

    def state(self, environment: str = "test") -> Path:
        return self.home / "environments" / "mini" / environment

    def get(self, path: str, environment: str = "test") -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[environment]}{path}", timeout=5) as answer:
            return json.loads(answer.read())

    def answers(self, environment: str = "test") -> bool:
        try:
            return bool(self.get("/ready", environment))
        except OSError:
            return False

    def release(self, params: str = "seed: 1\n") -> str:
        """Commit these parameters, build and test; returns the version."""
        self.commit(**{"params.yaml": params})
        built = self.build()
        assert built["code"] == 0, built["err"]
        return built["version"]

    def set_env(self, environment: str, **variables: str) -> None:
        """Change only the settings of an environment: its release is rolled out anew with them."""
        path = self.folder / "model.yaml"
        start = f"  {environment}: {{target: local, "
        text = re.sub(re.escape(start) + r"(env: \{.*?\}, )?", start, path.read_text())
        path.write_text(text.replace(start, f"{start}env: {json.dumps(variables)}, "))

    def revisions(self, environment: str = "test") -> list:
        folder = self.state(environment) / "revisions"
        files = sorted(folder.glob("*.json"), key=lambda path: int(path.stem))
        return [json.loads(path.read_text()) for path in files]

    def run_state(self, environment: str = "test") -> dict:
        """What the supervisor wrote; nothing for the moment in which a new one starts."""
        path = self.state(environment) / "run" / "state.json"
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return {}


def make_served(folder: Path) -> Served:
    made = make_mini(folder)
    served = Served(made.folder)
    served.ports = dict(zip(("test", "production"), free_ports(2), strict=True))
    text = MODEL.replace("PYTHON", PYTHON)
    text = text.replace("PORT1", str(served.ports["test"])).replace("PORT2", str(served.ports["production"]))
    import model_devops

    helper = Path(model_devops.__file__).parent / "serving" / "model_digest.py"
    served.commit(**{"model.yaml": text, "serve.py": SERVER, "model_digest.py": helper.read_text()})
    return served


def tamper(served: Served, environment: str, number: int) -> Path:
    """Change one byte of the weights in the copy that serves."""
    path = served.state(environment) / "files" / str(number) / "model" / "weights.safetensors"
    for item in (path.parent, path):
        item.chmod(0o755)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    return path


def of_home(home: Path) -> list[psutil.Process]:
    """The processes that run from an environment's folder: supervisors and servers."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def until(condition, seconds: float = 10.0):
    """Wait for something that comes soon."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)
    return found
