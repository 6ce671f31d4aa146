"""The demo's story with its releases in a registry, and as container images: every act turns out as in a folder."""

import subprocess
import sys
from pathlib import Path

import docker
import pytest

from containers import dockerd, packages, push_base
from registries import ENVIRONMENT, distribution

DEMO = Path(__file__).parents[3] / "demo" / "run.py"


def told(host: str, bytes_in: Path, *more: str, **environment: str) -> str:
    """What the demo tells; it must end well."""
    command = [sys.executable, str(DEMO), "--store", f"oci://{host}/demo", "--bytes-in", str(bytes_in), *more]
    surroundings = ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is left running." in done.stdout
    return done.stdout


@pytest.mark.timeout(900)
def test_the_whole_story_with_a_registry(tmp_path: Path) -> None:
    with distribution(tmp_path / "registry") as host:
        assert f"in oci://{host}/demo/digits" in told(host, tmp_path / "registry")


@pytest.mark.timeout(900)
def test_the_whole_story_with_a_registry_and_images_in_containers(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What each test starts is the image that the release names (B2); no container or network is left."""
    short = tmp_path_factory.mktemp("docker")  # the daemon's sockets lie below it, and have at most 107 characters
    with distribution(tmp_path / "registry") as host, dockerd(short) as daemon:
        base = f"{host}/bases/python"
        push_base(host, "bases/python", "3", more=(packages("numpy", "safetensors"),))
        text = told(host, tmp_path / "registry", "--containers", f"{base}:3", DOCKER_HOST=daemon)
        client = docker.APIClient(daemon)
        assert client.containers(all=True) == []
        assert {one["Name"] for one in client.networks()} == {"bridge", "host", "none"}
    assert text.count("The image sha256:") == 2
    assert "its image fails the test" in text
