"""What lies in a folder that is to become a model's: weights, data, code, and where it is pushed to."""

from __future__ import annotations

import json
import os
import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from model_devops.errors import UsageError

if TYPE_CHECKING:
    from model_devops.adapters.git import Git

#: Kinds of weights, the safest and most telling first: words, and how file names end.
KINDS = (
    ("safetensors", (".safetensors",)),
    ("ONNX", (".onnx",)),
    ("scikit-learn, joblib or pickle", (".joblib", ".pkl", ".pickle")),
    ("PyTorch, in a format made of pickle", (".pt", ".pth", ".ckpt")),
    ("weights", (".gguf", ".h5", ".hdf5", ".keras", ".tflite", ".pb", ".npz", ".cbm", ".ubj", ".bin")),
)
WEIGHTS = tuple(end for _, ends in KINDS for end in ends)
_MODEL_FOLDERS = ("model", "models", "weights")
_DATA_FOLDERS = ("data", "dataset", "datasets")
_SKIPPED = {*_DATA_FOLDERS, "node_modules", "venv", "env", "__pycache__", "tests", "test", "build", "dist", "mlruns"}
_NOT_CODE = re.compile(r"(setup|conftest|noxfile|tasks|test_.*|.*_test)\.py")
_MOST_FILES = 20_000
_READY = ("/ready", "/readyz", "/health", "/healthz", "/ping")


@dataclass
class Seen:
    """What was found. Paths are relative to the folder, with `/`."""

    name: str
    kind: str = ""
    model: list[str] = field(default_factory=list)
    allow: list[str] = field(default_factory=list)
    """Weights in formats that can run code, as `check.allow` names them: relative to the model's folder."""
    dataset: str | None = None
    code: list[str] = field(default_factory=list)
    params: str | None = None
    runtime: str | None = None
    train: str | None = None
    evaluate: str | None = None
    serve: str | None = None
    ready: str = "/ready"
    digest: str | None = None
    metrics: list[str] = field(default_factory=list)
    branch: str = "main"
    remote: str | None = None
    in_git: bool = False
    below: str = ""
    """The folder's path in its repository, or nothing."""

    def command(self, script: str) -> str:
        """The shell command that runs a Python script."""
        return f"{'python' if self.runtime else 'python3'} {shlex.quote(script)}"


def look(folder: Path) -> Seen:
    """Look at a folder without changing it. Raises UsageError if it is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    seen = Seen(name=slug(folder.resolve().name))
    _look_at_git(folder, seen)
    files = list(_files(folder))
    _look_at_model(folder, files, seen)
    top = {path for path in files if "/" not in path}
    seen.dataset = next((f"{name}/" for name in _DATA_FOLDERS if _holds_files(folder / name)), None)
    seen.params = next((name for name in ("params.yaml", "params.yml", "params.json") if name in top), None)
    seen.runtime = "requirements.txt" if "requirements.txt" in top else None
    _look_at_code(folder, files, seen)
    seen.metrics = _metrics(folder / "metrics.json")
    return seen


def slug(text: str) -> str:
    """A model's name made of any text."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "model"


def _files(folder: Path) -> Iterator[str]:
    """Regular files that may be weights or code, nearest first. Names that no glob can say are left out."""
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            count += 1
            if count > _MOST_FILES:
                return
            path = (PurePosixPath(Path(root).relative_to(folder).as_posix()) / name).as_posix()
            if (
                not re.search(r"[*?\[\]\\]", path)
                and path.isprintable()
                and not os.path.islink(os.path.join(root, name))
            ):
                yield path


def _look_at_model(folder: Path, files: list[str], seen: Seen) -> None:
    mlflow = [path for path in files if PurePosixPath(path).name == "MLmodel"]
    if mlflow:
        seen.kind, found = "MLflow", mlflow
    else:
        seen.kind, found = next(
            ((kind, found) for kind, ends in KINDS if (found := [path for path in files if path.endswith(ends)])),
            ("", []),
        )
    if not found:
        named = [name for name in _MODEL_FOLDERS if any(path.startswith(f"{name}/") for path in files)]
        found, seen.kind = [f"{named[0]}/any"] if named else [], "plain files"
    if not found:
        return
    parent = min((PurePosixPath(path).parent for path in found), key=lambda path: (len(path.parts), path.as_posix()))
    inside = f"{parent.as_posix()}/" if parent.parts else ""
    seen.model = [inside] if inside else _at_the_top(files, found, bool(mlflow))
    within = [path for path in files if path.startswith(inside)] if inside else seen.model
    seen.allow = [path.removeprefix(inside) for path in within if _can_run(folder / path)]


def _can_run(path: Path) -> bool:
    """Whether these are weights that the checks refuse unless they are allowed."""
    from model_devops.checks.executable import executable_format

    if not path.name.endswith(WEIGHTS) or path.name.endswith(".safetensors"):
        return False
    with path.open("rb") as stream:
        return executable_format(path, stream.read(512)) is not None


def _at_the_top(files: list[str], found: list[str], mlflow: bool) -> list[str]:
    """Weights beside the code are named one by one; MLflow's companions belong to its model."""
    companions = ("conda.yaml", "python_env.yaml", "input_example.json")
    also = [path for path in files if mlflow and (path in companions or path.endswith(WEIGHTS))]
    return sorted({path for path in [*found, *also] if "/" not in path})


def _look_at_code(folder: Path, files: list[str], seen: Seen) -> None:
    scripts = [path for path in files if path.endswith(".py") and not _NOT_CODE.fullmatch(PurePosixPath(path).name)]
    top = [path for path in scripts if "/" not in path]
    deeper = sorted({path.split("/")[0] for path in scripts if path.startswith(("src/", "scripts/"))})
    seen.code = [*(top if len(top) <= 12 else ["*.py"]), *(f"{name}/" for name in deeper)]
    near = [path for path in scripts if "/" not in path or path.startswith(("src/", "scripts/"))]
    seen.train = _script(near, "train")
    seen.evaluate = _script(near, "eval")
    seen.serve = _script(near, "serve")
    if seen.serve:
        source = (folder / seen.serve).read_bytes()[: 1 << 18].decode("utf-8", "replace")
        seen.ready = next((path for path in _READY if re.search(rf"[\"']{path}[\"']", source)), "/ready")
        seen.digest = "/model" if re.search(r"[\"']/model[\"']", source) and "digest" in source else None


def _script(scripts: list[str], word: str) -> str | None:
    """The script whose name begins with a word: the one nearest to the top with the shortest name."""
    found = [path for path in scripts if PurePosixPath(path).name.startswith(word)]
    return min(found, key=lambda path: (path.count("/"), len(path), path), default=None)


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and any(names for _, _, names in os.walk(folder))


def _metrics(file: Path) -> list[str]:
    """Gates as examples, one for each number in a metrics file that an earlier run left."""
    try:
        document: Any = json.loads(file.read_bytes()[: 1 << 16])
    except (OSError, ValueError, RecursionError):
        return []
    gates = []
    for key, value in document.items() if isinstance(document, dict) else ():
        if type(value) in (int, float) and abs(value) < 1e15 and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", key):
            limit = "max" if re.search(r"loss|err|rmse|mae|mse|_ms|_s$|latency|seconds", key, re.IGNORECASE) else "min"
            gates.append(f"{key}: {{{limit}: {value:g}}}")
    return gates[:5]


def _look_at_git(folder: Path, seen: Seen) -> None:
    from model_devops.adapters.git import open_git

    try:
        git = open_git(folder)
        remote = git.remote() if git else None
    except UsageError:
        return
    if git is None:
        return
    seen.in_git = True
    seen.branch = _branch(git)
    seen.remote = remote.shown if remote else None
    seen.below = folder.resolve().relative_to(git.root.resolve()).as_posix()
    seen.below = "" if seen.below == "." else seen.below
    if remote and not seen.below:
        seen.name = slug(remote.key.rstrip("/").rpartition("/")[2].removesuffix(".git"))


def _branch(git: Git) -> str:
    branch = git.branch() or "main"
    return branch if re.fullmatch(r"[A-Za-z0-9._/-]+", branch) else "main"
