"""The library's files, the wheels that an index would have, and agents."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents import BASE, ROOT, Agent, Library, make_path


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """What `make wheel` writes, from the sources as they are now."""
    folder = tmp_path_factory.mktemp("library")
    subprocess.run([sys.executable, str(ROOT / "tools" / "build_wheel.py"), str(folder)], check=True)
    return Library(folder)


@pytest.fixture(scope="session")
def wheels(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels: all that the library's requirements.txt names, for this machine."""
    folder = tmp_path_factory.mktemp("wheels")
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--quiet", "--dest", str(folder)]
    words = [sys.executable, "-m", "pip", "download", *options, "-r", str(library.folder / "requirements.txt")]
    subprocess.run(words, check=True)
    return folder


@pytest.fixture
def make_agent(library: Library, wheels: Path, tmp_path: Path) -> Callable[..., Agent]:
    """(programs) -> an agent in a closed network, with a folder of wheels and these programs on its PATH."""

    def make(**programs: str | Path) -> Agent:
        path = make_path(tmp_path / "programs", **programs)
        closed = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        agent = Agent(tmp_path, library, {"PATH": str(path), **closed})
        agent.workspace.mkdir(parents=True)
        agent.home.mkdir()
        return agent

    return make


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    """An agent with nothing but Python, git, sh and coreutils."""
    return make_agent(python3=BASE)


@pytest.fixture(scope="session")
def cli(library: Library, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLI that an administrator has installed: the folder of its virtual environment."""
    folder = tmp_path_factory.mktemp("an admin's") / "venv"
    subprocess.run([str(BASE), "-I", "-m", "venv", str(folder)], check=True)
    wheel = folder.parent / library.facts["wheel"]
    wheel.write_bytes((library.folder / "model_devops.whl").read_bytes())
    needed = folder.parent / "needed.txt"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    needed.write_text(f"{wheel.as_uri()} --hash=sha256:{digest}\n" + (library.folder / "requirements.txt").read_text())
    options = ["--quiet", "--no-deps", "--no-index", "--find-links", str(wheels)]
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", *options]
    subprocess.run([*pip, "-r", str(needed)], check=True)
    return folder
