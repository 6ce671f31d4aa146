"""Where the story plays: a copy of the example with a git, a remote, a store and ports of its own."""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from places import ENVIRONMENTS, InCluster, Local

ROOT = Path(__file__).resolve().parents[1]
#: Variables by which a CI or this machine's git would take part in the story.
FOREIGN = re.compile(
    r"^(CI|GITHUB.*|GITLAB.*|CI_.*|JENKINS.*|BUILD_.*|CHANGE_.*|GIT_.*|MODEL_DEVOPS_.*|JOB_NAME|BRANCH_NAME)$"
)
PLATFORM = "linux/" + {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
CONTAINER = """\
  container: true
  requests: requests.jsonl
"""
CONTAINER_GATES = """\
    container.wrong_answers: {max: 0}
    container.peak_memory_mb: {max: 500}
"""
GIT_CONFIG = """\
[user]
\tname = Ada Lovelace
\temail = ada@example.org
[init]
\tdefaultBranch = main
"""


class OtherwiseError(Exception):
    """An act turned out otherwise than told."""


def check(holds: object, what: str) -> None:
    """Fail the story unless it holds."""
    if not holds:
        raise OtherwiseError(what)


def say(text: str) -> None:
    """Tell."""
    print(f"  {text}", flush=True)


@dataclass(frozen=True)
class Answer:
    """What a call of the program came to: its exit code, the result document, what it told people."""

    code: int
    document: dict[str, Any]
    told: str

    @property
    def lines(self) -> list[str]:
        """What it came to, in a few lines: the summary, why a release got its version, what stood in the way."""
        summary = str(self.document.get("summary") or self.told.strip())
        if self.code == 0:
            reasons = (self.document.get("release") or {}).get("reasons", []) if self.document.get("new") else []
            return [summary, *(f"{reason['level']}: {reason['text']}" for reason in reasons)]
        problems = (self.document.get("error") or {}).get("problems", [])
        return [f"[{self.code}] {summary}", *(f"- {_told(problem)}" for problem in problems)]

    @property
    def version(self) -> str:
        """The version of the release that the call was about."""
        return str((self.document.get("release") or {}).get("version"))


class Stage:
    """A folder with everything in it, and how to act there. Use as a context manager: it leaves nothing running."""

    def __init__(
        self,
        store: str | None = None,
        bytes_in: Path | None = None,
        base: str | None = None,
        namespace: str | None = None,
    ) -> None:
        self.place: Local | InCluster = InCluster(namespace) if namespace else Local()
        self.store = store
        """Where releases lie, if not in the user's data folder."""
        self.base = base
        """The image that releases are laid on, if they are to become images."""
        self.folder = Path(tempfile.mkdtemp(prefix="model-devops-demo-")).resolve()
        self.project = self.folder / "digits"
        self.results = self.folder / "results"
        self.data = self.folder / "data"
        self.bytes_in = bytes_in or (None if store else self.data)
        """The folder below which the store's bytes lie, for the acts that change one of them; None: elsewhere."""
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        """Ours without a CI's; what can be made again (virtual environments) is kept between two runs."""
        config = self.folder / "gitconfig"
        config.write_text(GIT_CONFIG)
        return {name: value for name, value in os.environ.items() if not FOREIGN.match(name)} | {
            "XDG_DATA_HOME": str(self.data),
            "XDG_CACHE_HOME": str(ROOT / ".cache" / "demo"),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def __enter__(self) -> "Stage":
        """Set the stage: copy, ports, commit, remote."""
        self.results.mkdir()
        ignored = shutil.ignore_patterns("model", "metrics.json", "__pycache__")
        shutil.copytree(ROOT / "examples" / "digits", self.project, ignore=ignored)
        self.place.set_up(self)
        self.edit("model.yaml", "  ready: /ready\n", f"  ready: /ready\n  start_timeout: {15 if self.base else 10}s\n")
        if self.store:
            self.edit("model.yaml", "name: digits\n", f"name: digits\nstore: {self.store}\n")
        if self.base:
            self._end_in_images(self.base)
        self.git("init", "--quiet")
        self.git("init", "--quiet", "--bare", str(self.folder / "digits.git"))
        self.git("remote", "add", "origin", str(self.folder / "digits.git"))
        self.push("A model of handwritten digits")
        return self

    @property
    def containers(self) -> bool:
        """Whether tests start the releases' images with this machine's Docker."""
        return bool(self.base) and isinstance(self.place, Local)

    def _end_in_images(self, base: str) -> None:
        """Have each release become an image."""
        path = self.project / "model.yaml"
        path.write_text(f"{path.read_text()}package: {{base: '{base}', platform: {PLATFORM}}}\n")
        if self.containers:
            self._ask_images()

    def _ask_images(self) -> None:
        """Have a test start the release's image and ask it what `serve.smoke` asks."""
        path = self.project / "model.yaml"
        asked = yaml.safe_load(path.read_text())["serve"]["smoke"]
        (self.project / "requests.jsonl").write_text("".join(json.dumps(request) + "\n" for request in asked))
        self.edit("model.yaml", "  baseline: production\n", f"  baseline: production\n{CONTAINER}")
        self.edit(
            "model.yaml", "    latency_p95_ms: {max: 20}\n", f"    latency_p95_ms: {{max: 20}}\n{CONTAINER_GATES}"
        )

    def __exit__(self, *_: object) -> None:
        """Stop both environments in good order, then make sure, then remove the folder."""
        for name in ENVIRONMENTS:
            with contextlib.suppress(Exception):
                self.run("stop", name, timeout=30)
        while left := self.processes():
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=5)
        shutil.rmtree(self.folder, onerror=_writable_first)

    def processes(self) -> list[psutil.Process]:
        """All processes that work inside this folder."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._ours(process)]

    def _ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("XDG_DATA_HOME") == str(self.data) or Path(process.cwd()).is_relative_to(
                self.folder
            )
        except (psutil.Error, OSError):
            return False

    def run(self, *arguments: str, timeout: float = 300) -> Answer:
        """Call the program as a CI does: exit code and result file."""
        result = self.results / f"{time.monotonic_ns()}.json"
        call = [sys.executable, "-I", "-m", "model_devops", "--result", str(result), *arguments]
        done = subprocess.run(
            call,
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        document = json.loads(result.read_text()) if result.exists() else {}
        return Answer(done.returncode, document, done.stdout + done.stderr)

    def do(self, *arguments: str, code: int = 0) -> Answer:
        """Call the program, tell it, and fail the story unless it ends with this exit code."""
        started = time.monotonic()
        answer = self.run(*arguments)
        command = " ".join(f"'{word}'" if " " in word else word for word in arguments)
        first, *rest = answer.lines
        told = [f"{first}  ({time.monotonic() - started:.1f} s)", *(line for line in rest if line[2:] not in first)]
        text = "\n".join([f"  $ model-devops {command}", *(f"      {line}" for line in told)])
        print(text.replace(str(self.folder), "…"), flush=True)
        check(
            answer.code == code,
            f"model-devops {command}: exit code {answer.code}, not {code}. It said:\n{answer.told.rstrip()}",
        )
        return answer

    def git(self, *arguments: str) -> str:
        """Run git in the project."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.project, env=self.environment, capture_output=True, text=True, check=False
        )
        check(done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def push(self, message: str) -> None:
        """Commit everything and push it to the remote's `main`."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        print(f"  $ git commit -m '{message}' && git push", flush=True)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a piece of one of the project's files; it must be there exactly once."""
        path = self.project / name
        text = path.read_text()
        check(text.count(old) == 1, f"{name} holds {text.count(old)} times: {old}")
        path.write_text(text.replace(old, new))

    def ask(self, environment: str, path: str) -> dict[str, Any] | None:
        """What the environment's server answers; None: nobody does."""
        return self.place.ask(environment, path)


def blobs(folder: Path | None, digest: str) -> list[Path]:
    """Where a store below this folder keeps the bytes with this SHA-256: a folder's way, or a registry's."""
    check(folder, "the store's bytes are not on this machine")
    found = [path for path in Path(folder or "").rglob(digest) if "blobs" in path.parts]
    return [path / "data" if path.is_dir() else path for path in found]


def _told(problem: dict[str, Any]) -> str:
    return ": ".join(str(problem[key]) for key in ("file", "message") if key in problem)


def _writable_first(remove: Any, path: str, _: Any) -> None:
    """What serves is a read-only copy: make its folder writable and try again."""
    os.chmod(Path(path).parent, 0o700)
    os.chmod(path, 0o700)
    remove(path)
