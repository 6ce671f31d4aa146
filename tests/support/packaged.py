"""The small project of mini_project.py with a server, as a container image."""

import json
import re
import shutil
import time
import urllib.request
from pathlib import Path

from docker.models.containers import Container

from containers import PLATFORM
from mini_project import PYTHON, Mini, make_mini
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from model_devops.serving import model_digest

SERVE = """\
import json, os, pathlib, signal, struct, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from model_digest import ModelDigest

loaded = ModelDigest()
data = loaded.read("model/weights.safetensors", "weights.safetensors")
weights = struct.unpack("<2f", data[-8:])
seen = {name: value for name, value in os.environ.items() if name.startswith("MODEL_DEVOPS_")}
answers = {"/ready": {}, "/model": {"digest": loaded.digest}, "/predict": {"weights": weights},
           "/me": {"uid": os.getuid(), "cwd": os.getcwd(), "pid": os.getpid(), "environment": seen,
                   "files": sorted(str(path) for path in pathlib.Path(".").rglob("*") if path.is_file())}}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200 if self.path in answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as process 1 nothing else ends it
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""

MODEL = """\
name: mini
store: STORE
artifacts:
  model: model/
  dataset: data/
  code: [train.py, evaluate.py, serve.py, model_digest.py, "extra files/größe.txt"]
  params: params.yaml
train: PYTHON train.py
serve:
  command: python3 serve.py
  digest: /model
  env: {GREETING: hello}
package:
  platform: PLATFORM
"""


def make_packaged(folder: Path, store: str, package: str) -> Mini:
    """A project whose `package` has these lines."""
    mini = make_mini(folder)
    text = MODEL.replace("STORE", store).replace("PYTHON", PYTHON).replace("PLATFORM", PLATFORM)
    (folder / "extra files").mkdir()
    (folder / "extra files" / "größe.txt").write_text("x")
    shutil.copyfile(model_digest.__file__, folder / "model_digest.py")
    lines = "".join(f"  {line}\n" for line in package.splitlines())
    mini.commit("package", **{"model.yaml": text + lines, "serve.py": SERVE})
    return mini


def change(mini: Mini, old: str, new: str) -> None:
    """Commit another model.yaml."""
    text = (mini.folder / "model.yaml").read_text()
    assert old in text
    mini.commit("change", **{"model.yaml": text.replace(old, new)})


def get(container: Container, path: str) -> dict:
    """What the server in a container answers, once it is up."""
    end = time.monotonic() + 60
    while True:
        container.reload()
        assert container.status in ("created", "running"), container.logs().decode()
        ports = container.ports.get("8080/tcp")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]['HostPort']}{path}", timeout=5) as answer:
                return json.load(answer)
        except (OSError, TypeError, IndexError):
            assert time.monotonic() < end, container.logs().decode()
            time.sleep(0.05)


def is_digest(text: str) -> bool:
    return re.fullmatch(r"sha256:[0-9a-f]{64}", text) is not None


def named(client: Client, tag: str) -> str | None:
    """The digest of what a tag names in a registry."""
    found = client.manifest(tag)
    return found.digest if found else None


def delete(image: dict) -> None:
    """Take an image out of its registry."""
    client = Client.open(parse("oci://" + image["repository"]))
    client.delete_manifest(image["digest"])
    assert client.manifest(image["digest"]) is None
