"""A registry with a base image, a Docker daemon, and the small project as an image."""

import contextlib
import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from containers import dockerd, push_base
from mini_project import Mini
from packaged import make_packaged
from registries import distribution, plain_registry, referrers_registry  # noqa: F401  fixtures

_numbers = itertools.count()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a registry that holds `base/python:3`."""
    with distribution(tmp_path_factory.mktemp("registry")) as address:
        push_base(address, "base/python", "3")
        yield address


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DOCKER_HOST of a daemon of these tests' own."""
    with dockerd(tmp_path_factory.mktemp("docker")) as host:
        yield host


@pytest.fixture
def client(docker_host: str) -> Iterator[docker.DockerClient]:
    """Docker's client; what a test started is removed after it."""
    with contextlib.closing(docker.DockerClient(docker_host)) as found:
        yield found
        for container in found.containers.list(all=True):
            container.remove(force=True)


@pytest.fixture
def store(registry: str) -> str:
    """A folder of its own in the registry."""
    return f"oci://{registry}/team{next(_numbers)}"


@pytest.fixture
def based(tmp_path: Path, registry: str, store: str) -> Mini:
    """Laid on the base."""
    return make_packaged(tmp_path / "a model", store, f"base: {registry}/base/python:3")


@pytest.fixture
def remote_of(tmp_path: Path) -> Callable[[Mini], Path]:
    """Gives a project a bare remote that has its branch."""

    def make(mini: Mini) -> Path:
        bare = tmp_path / "remote.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
        mini.git("remote", "add", "origin", str(bare))
        mini.git("push", "-q", "-u", "origin", "main")
        return bare

    return make
