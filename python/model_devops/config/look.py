"""What lies in a folder that is to become a model's: weights, data, code, and where it is pushed to."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from model_devops.config import scripts
from model_devops.config.kinds import KINDS, NEED_LEAVE
from model_devops.errors import UsageError

if TYPE_CHECKING:
    from model_devops.adapters.git import Git
    from model_devops.adapters.git_remote import Remote

_MODEL_FOLDERS = ("model", "models", "weights")
_DATA_FOLDERS = ("data", "dataset", "datasets")
_SKIPPED = {*_DATA_FOLDERS, "node_modules", "venv", "env", "__pycache__", "tests", "test", "build", "dist", "mlruns"}
_MOST_FILES = 20_000


@dataclass
class Seen:
    """What was found. Paths are relative to the folder, with `/`."""

    name: str
    kind: str = ""
    model: list[str] = field(default_factory=list)
    model_exists: bool = False
    """False: nothing is there yet, and `model` is where `train` seems to write, if it says so."""
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
    metrics: str = "metrics.json"
    """The file that the evaluation writes."""
    gates: list[str] = field(default_factory=list)
    """Gates as examples, one for each number in that file where an earlier run left it."""
    choices: dict[str, list[str]] = field(default_factory=dict)
    """All scripts that could be `train`, `evaluate` or `serve`, where there are several."""
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
    data = [name for name in _DATA_FOLDERS if f"{name}/" not in seen.model and _holds_files(folder / name)]
    seen.dataset = f"{data[0]}/" if data else None
    seen.params = next((name for name in ("params.yaml", "params.yml", "params.json") if name in top), None)
    seen.runtime = "requirements.txt" if "requirements.txt" in top else None
    _look_at_code(folder, files, seen)
    return seen


def slug(text: str) -> str:
    """A model's name made of any text."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "model"


def _files(folder: Path) -> Iterator[str]:
    """Regular files that may be weights or code, nearest first. Names that no glob can say are left out."""
    count, folders = 0, deque([""])
    while folders:
        below = folders.popleft()
        for entry in _entries(folder / below):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                    folders.append(path)
                continue
            count += 1
            if count > _MOST_FILES:
                return
            if entry.is_file(follow_symlinks=False) and path.isprintable() and not re.search(r"[*?\[\]\\]", path):
                yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:  # may not be read: nothing to see there
        return []


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
    near = [path for path in files if PurePosixPath(path).parent == parent]
    if not parent.parts and mlflow:
        seen.model = _named_by_mlflow(folder)
    elif not parent.parts or parent.parts[0] in scripts.FOLDERS:
        seen.model = [path for path in near if path in found]  # beside the code: one by one
    else:
        seen.model = [f"{parent.as_posix()}/"]
    seen.model_exists, seen.allow = True, _those_that_can_run(folder, seen.model)


def _named_by_mlflow(folder: Path) -> list[str]:
    """An MLflow model at the top: `MLmodel` and all that it names."""
    named = {"MLmodel", *re.split(r"[\s'\"{},]+", (folder / "MLmodel").read_text("utf-8", "replace"))}
    there = [entry for entry in _entries(folder) if entry.name in named and not entry.name.startswith(".")]
    return [f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name for entry in there]


def _those_that_can_run(folder: Path, model: list[str]) -> list[str]:
    """The files that the checks of the model refuse unless they are allowed, by their names in the artifact."""
    from glob import escape

    from model_devops.checks.executable import HEAD, executable_format
    from model_devops.content.files import collect

    found = []
    try:
        for name, path in collect(folder, model, [], "model").files.items():
            with path.open("rb") as stream:
                head = stream.read(HEAD)
            if not name.endswith((".safetensors", ".onnx")) and executable_format(path, head):
                found.append(escape(name))
    except (UsageError, OSError):  # `check` says what is wrong with them
        return []
    return found


def _look_at_code(folder: Path, files: list[str], seen: Seen) -> None:
    found = [path for path in files if path.endswith(".py") and scripts.is_code(path)]
    top = [path for path in found if "/" not in path]
    deeper = sorted({path.split("/")[0] for path in found if path.split("/")[0] in scripts.FOLDERS})
    seen.code = [*(top if len(top) <= 12 else ["*.py"]), *(f"{name}/" for name in deeper)]
    near = [path for path in found if "/" not in path or path.split("/")[0] in scripts.FOLDERS]
    for role, word in (("train", "train"), ("evaluate", "eval"), ("serve", "serve")):
        choices = scripts.beginning_with(word, near)
        setattr(seen, role, choices[0] if choices else None)
        seen.choices |= {role: choices} if len(choices) > 1 else {}
    if seen.train and not seen.model:
        _expect_model(scripts.weights_written(scripts.source(folder / seen.train)), seen)
    if seen.evaluate:
        seen.metrics = scripts.metrics_written(scripts.source(folder / seen.evaluate)) or seen.metrics
        seen.gates = scripts.gates(folder / seen.metrics)
    if seen.serve:
        seen.ready, seen.digest = scripts.addresses(scripts.source(folder / seen.serve))


def _expect_model(written: list[str], seen: Seen) -> None:
    """What training will write, as far as its script names it."""
    for parent in [PurePosixPath(path).parent for path in written[:1]]:
        beside = [path for path in written if PurePosixPath(path).parent == parent]
        seen.model = [f"{parent.as_posix()}/"] if parent.parts else beside
        seen.allow = [PurePosixPath(path).name for path in beside if path.endswith(NEED_LEAVE)]


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and any(names for _, _, names in os.walk(folder))


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
    seen.branch = _branch(git, remote)
    seen.remote = remote.shown if remote else None
    seen.below = folder.resolve().relative_to(git.root.resolve()).as_posix()
    seen.below = "" if seen.below == "." else seen.below
    if remote and not seen.below:
        seen.name = slug(remote.key.rstrip("/").rpartition("/")[2].removesuffix(".git"))


def _branch(git: Git, remote: Remote | None) -> str:
    """The branch that is released: the remote's default one as the clone knows it, else the one that is checked out."""
    default = git.known_default_branch(remote) if remote else None
    branch = default or git.branch() or "main"
    return branch if re.fullmatch(r"[A-Za-z0-9._/-]+", branch) else "main"
