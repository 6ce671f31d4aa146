"""Real registries on this machine: Distribution's, and one that lists referrers. Each is stopped after its tests."""

import contextlib
import hashlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lacking import lacking, program
from model_devops.adapters.registry.address import parse
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.registry.store import RegistryStore

#: Looked at before the fixtures take this machine's own folders away.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "model-devops-tests" / "bin"
MAIN = Path(__file__).parents[1] / "registry"
ENVIRONMENT = dict(os.environ)

CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: '{folder}'}}, delete: {{enabled: true}}}}
http: {{addr: '{address}'{more}}}
{auth}
"""


def free_address() -> str:
    """An address on this machine that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def distribution(folder: Path, *, auth: str = "", more: str = "", command: str = "") -> Iterator[str]:
    """Distribution's registry, which lists no referrers: Debian's, or the one that `command` names. HOST:PORT."""
    command = command or program("docker-registry")
    address = free_address()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "registry.yml"
    file.write_text(CONFIGURATION.format(folder=folder / "data", address=address, auth=auth, more=more))
    with running([command, "serve", str(file)], address, folder / "log"):
        yield address


@contextlib.contextmanager
def with_referrers(folder: Path) -> Iterator[str]:
    """A registry that lists referrers; what it holds ends with it. Yields its HOST:PORT."""
    address = free_address()
    folder.mkdir(parents=True, exist_ok=True)
    with running([str(_referrers_registry()), address], address, folder / "log"):
        yield address


def _referrers_registry() -> Path:
    """Built once per machine and version."""
    version = hashlib.sha256((MAIN / "main.go").read_bytes() + (MAIN / "go.sum").read_bytes()).hexdigest()
    binary = CACHE / f"referrers-registry-{version[:12]}"
    if not binary.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_name(f"{binary.name}.{os.getpid()}")
        build = [program("go"), "build", "-o", str(unfinished), "."]
        if subprocess.run(build, cwd=MAIN, env=ENVIRONMENT, check=False).returncode:
            lacking("the registry with referrers can't be built here: see the output of `go build` above")
        unfinished.replace(binary)
    return binary


@contextlib.contextmanager
def running(command: list[str], address: str, log: Path) -> Iterator[None]:
    """A server until the end of the block; it has answered before the block begins."""
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=ENVIRONMENT) as server:
        try:
            _await(address, server, log)
            yield
        finally:
            server.terminate()
            server.wait(timeout=20)


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection(address, timeout=2)
            connection.request("GET", "/v2/")
            connection.getresponse()
            return
        time.sleep(0.02)
    raise AssertionError(f"no server at {address}: {log.read_text()}")


@pytest.fixture(scope="session")
def plain_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a registry that lists no referrers."""
    with distribution(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def referrers_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a registry that lists referrers."""
    with with_referrers(tmp_path_factory.mktemp("registry")) as address:
        yield address


def store_at(address: str, model: str = "mini") -> OciStore:
    """A model's store in a folder or a registry, as another process sees it."""
    if address.startswith("oci://"):
        return RegistryStore(parse(f"{address}/{model}"))
    return LayoutStore(Path(address) / model)
