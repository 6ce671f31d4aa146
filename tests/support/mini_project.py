"""A small real model in a real repository: trained by a script that writes safetensors by hand."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

RESULT = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text())

#: How model.yaml and a shell name this interpreter, also below a path with a space.
PYTHON = sys.executable.replace(" ", "\\ ")

TRAIN = """\
import json, struct
seed = int(open("params.yaml").read().split("seed:")[1].split()[0])
rows = len(open("data/rows.csv").read().split())
payload = struct.pack("<2f", seed, rows)
header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
import pathlib
pathlib.Path("model").mkdir(exist_ok=True)
pathlib.Path("model/weights.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + payload)
open("trained.log", "a").write("x")
"""

MODEL = """\
name: mini
artifacts:
  model: model/
  dataset: data/
  code: [train.py, evaluate.py]
  params: params.yaml
train: PYTHON train.py
test:
  run: [PYTHON evaluate.py]
  gates:
    accuracy: {min: 0.5}
"""


class Mini:
    """The project in one clone, with its command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, message: str = "change", **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def run(self, *arguments: str, **environment: str) -> dict:
        """Run the real command; returns its result document, with `code` and `err`."""
        import os

        done = subprocess.run(
            [sys.executable, "-m", "model_devops", "--json", *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        document = json.loads(done.stdout) if done.stdout else {}
        assert document.get("exitCode", done.returncode) == done.returncode, done.stderr
        if document:
            jsonschema.validate(document, RESULT)  # docs/result.schema.json holds for every run of every verb
        return document | {"code": done.returncode, "err": done.stderr}

    def build(self, *arguments: str, **environment: str) -> dict:
        return self.run("build", *arguments, **environment)

    @property
    def trainings(self) -> int:
        log = self.folder / "trained.log"
        return len(log.read_text()) if log.exists() else 0


def make_mini(folder: Path) -> Mini:
    folder.mkdir(parents=True)
    mini = Mini(folder)
    mini.git("init", "-q", "-b", "main")
    mini.commit(
        "start",
        **{
            "model.yaml": MODEL.replace("PYTHON", PYTHON),
            "train.py": TRAIN,
            "evaluate.py": "import json; json.dump({'accuracy': 0.9}, open('metrics.json', 'w'))\n",
            "params.yaml": "seed: 1\n",
            "data__rows.csv": "1\n2\n3\n",
            ".gitignore": "model/\ntrained.log\nmetrics.json\n",
        },
    )
    return mini


@pytest.fixture
def mini(tmp_path: Path) -> Mini:
    """Without a remote, in a folder with a space."""
    return make_mini(tmp_path / "a model")


@pytest.fixture
def remote(mini: Mini, tmp_path: Path) -> Path:
    """A bare remote that `mini` has pushed to."""
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    mini.git("remote", "add", "origin", str(bare))
    mini.git("push", "-q", "-u", "origin", "main")
    return bare


def clone(remote: Path, folder: Path, *options: str) -> Mini:
    subprocess.run(["git", "clone", "-q", *options, remote.as_uri(), str(folder)], check=True)
    return Mini(folder)
