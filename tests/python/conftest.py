"""What all tests share: a home of their own, a git that knows nothing of this machine, nothing left running."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

from cluster_use import wait_until_gone
from model_devops import notices

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

# A shell starts what it runs in the background deaf to SIGINT, and every process of the tests would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Variables by which a CI, git or this program's own settings would reach into a test.
FOREIGN = (
    "GIT_",
    "GITHUB_",
    "GITLAB_",
    "CI_",
    "JENKINS_",
    "BUILD_",
    "CHANGE_",
    "MODEL_DEVOPS_",
    "KUBERNETES_",
    "XDG_DATA_",
    "XDG_CACHE_",
)
FOREIGN_NAMES = (
    "CI",
    "GITHUB",
    "JOB_NAME",
    "JOB_URL",
    "BRANCH_NAME",
    "NODE_NAME",
    "WORKSPACE",
    "NO_COLOR",
    "KUBECONFIG",
)
KEEP = ("MODEL_DEVOPS_SOAK",)

GIT_CONFIG = """\
[user]
\tname = Test Person
\temail = person@example.org
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[core]
\tfsync = none
"""


def git(*arguments: str, cwd: Path) -> str:
    """Run git and return its output without the last newline."""
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout.rstrip("\n")


def _foreign(name: str) -> bool:
    return name not in KEEP and (name in FOREIGN_NAMES or name.startswith(FOREIGN))


def pytest_unconfigure() -> None:
    """Leave no cluster behind the tests that used one."""
    wait_until_gone()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This test's MODEL_DEVOPS_HOME; the processes that belong to it are killed after the test."""
    folder = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if _foreign(name)]:
        monkeypatch.delenv(name)
    config = folder / "gitconfig"
    config.write_text(GIT_CONFIG)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("MODEL_DEVOPS_HOME", str(folder / "model-devops"))
    yield folder / "model-devops"
    kill_those_of(folder)


def kill_those_of(folder: Path) -> None:
    """Kill every process that this home's environment or folder gives away."""
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("MODEL_DEVOPS_HOME", "").startswith(str(folder))
            if process.pid != os.getpid() and (ours or Path(process.cwd()).is_relative_to(folder)):
                process.kill()
        except (psutil.Error, OSError):
            continue


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the domain warns of during this test, instead of printing it."""
    said: list[str] = []
    monkeypatch.setattr(notices, "_receivers", [said.append])
    return said


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A git repository on `main` with one commit, in a path with a space."""
    folder = tmp_path / "a project"
    folder.mkdir()
    git("init", "--quiet", cwd=folder)
    (folder / "README.md").write_text("A project.\n")
    git("add", "README.md", cwd=folder)
    git("commit", "--quiet", "--message", "Begin", cwd=folder)
    return folder


@pytest.fixture
def bare_remote(repo: Path, tmp_path: Path) -> Path:
    """A bare repository that is `repo`'s `origin`: `main` is pushed and its HEAD names it."""
    folder = tmp_path / "remote.git"
    git("init", "--quiet", "--bare", str(folder), cwd=tmp_path)
    git("remote", "add", "origin", str(folder), cwd=repo)
    git("push", "--quiet", "--set-upstream", "origin", "main", cwd=repo)
    return folder
