"""`kill -9` of builds around their image: the next build succeeds, and release and image verify (V5, B4)."""

import signal

import pytest

from mini_project import Mini
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from packaged import make_packaged, named

APPENDED = ("image.before-manifest", "image.after-manifest", "image.before-tag")
BUILT = ("image.before-push", "image.after-push", "image.before-tag")


def killed(mini: Mini, point: str) -> None:
    first = mini.build(MODEL_DEVOPS_CRASH_AT=point)
    assert first["code"] == -signal.SIGKILL, first["err"]
    again = mini.build()
    assert (again["code"], again["version"]) == (0, "1.0.0"), again["err"]
    image = again["release"]["image"]
    assert named(Client.open(parse("oci://" + image["repository"])), "1.0.0") == image["digest"]
    assert mini.run("release", "verify", "1.0.0")["code"] == 0
    assert mini.git("tag", "--list") == "mini@v1.0.0"


@pytest.mark.parametrize("point", APPENDED)
def test_an_image_on_a_base_survives_being_killed(based, point):
    killed(based, point)


@pytest.mark.parametrize("point", BUILT)
def test_an_image_of_a_dockerfile_survives_being_killed(tmp_path, registry, store, docker_host, monkeypatch, point):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    mini = make_packaged(tmp_path / "model", store, "dockerfile: Dockerfile")
    mini.commit("dockerfile", **{"Dockerfile": f"FROM {registry}/base/python:3\nCOPY serve.py .\n"})
    killed(mini, point)
