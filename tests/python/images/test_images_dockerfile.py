"""Images from a Dockerfile, built and pushed by a real daemon."""

import json
from pathlib import Path

import pytest

from containers import PLATFORM, push_base
from mini_project import Mini
from model_devops.adapters.docker import Daemon
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from model_devops.errors import ModelDevopsError
from packaged import change, delete, get, make_packaged, named
from registries import distribution

DOCKERFILE = """\
ARG PYTHON=3
FROM REGISTRY/base/python:${PYTHON} AS first
RUN echo from the first stage > /tmp/note
FROM first
ARG MODEL_DEVOPS_MODEL_DIGEST
ENV BUILT_FOR=$MODEL_DEVOPS_MODEL_DIGEST
WORKDIR /srv
COPY ["serve.py", "model_digest.py", "./"]
COPY ["extra files", "extra files/"]
COPY model model
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
USER 1000
ENTRYPOINT ["python3", "serve.py"]
"""


@pytest.fixture
def docked(tmp_path: Path, registry: str, store: str, docker_host: str, monkeypatch: pytest.MonkeyPatch) -> Mini:
    """The project with a Dockerfile, and a daemon to build it."""
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    mini = make_packaged(tmp_path / "a model", store, "dockerfile: docker/Dockerfile")
    mini.commit("dockerfile", **{"docker__Dockerfile": DOCKERFILE.replace("REGISTRY", registry)})
    return mini


def client_of(image: dict) -> Client:
    return Client.open(parse("oci://" + image["repository"]))


def test_B2_the_dockerfile_is_built_pushed_and_run_by_its_digest(docked, client, registry):
    built = docked.build()
    assert built["code"] == 0, built["err"]
    image = built["release"]["image"]
    assert named(client_of(image), "1.0.0") == image["digest"]
    assert image["bases"][0]["reference"] == f"{registry}/base/python:3"
    container = client.containers.run(image["reference"], detach=True, ports={"8080/tcp": ("127.0.0.1", None)})
    assert get(container, "/model") == {"digest": built["release"]["artifacts"]["model"]}
    assert "extra files/größe.txt" in get(container, "/me")["files"]
    config = container.image.attrs["Config"]
    assert f"BUILT_FOR={built['release']['artifacts']['model']}" in config["Env"], "a build argument of the identity"
    assert config["Labels"]["org.modeldevops.identity"] == built["release"]["identity"]
    assert config["Labels"]["org.opencontainers.image.base.digest"] == image["bases"][0]["digest"]
    assert [line for line in built["err"].splitlines() if "Step 2/" in line], built["err"]
    [report] = built["reports"]
    assert "Successfully built" in (docked.folder / report["path"]).read_text()


def test_no_version_commit_or_credential_goes_into_a_build(docked, client, monkeypatch):
    canary = "s3cr3t-canary"
    monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_USER", "somebody")
    monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_PASSWORD", canary)
    built = docked.build()
    assert built["code"] == 0, built["err"]
    log = (docked.folder / built["reports"][0]["path"]).read_text()
    for text in (log, built["err"], json.dumps({key: value for key, value in built.items() if key != "err"})):
        assert canary not in text
    pulled = client.images.pull(built["release"]["image"]["repository"], tag="1.0.0")
    inside = json.dumps([pulled.attrs, pulled.history()])
    for text in (canary, built["release"]["commit"], built["digest"]):
        assert text not in inside


def test_nothing_of_the_build_stays_in_the_daemon_but_its_cache(docked, client):
    docked.build()
    made = client.images.list(filters={"reference": docked.run("release", "show")["release"]["image"]["repository"]})
    assert not [tag for image in made for tag in image.tags]


def test_B4_an_unchanged_build_returns_the_release_and_builds_no_image(docked):
    first = docked.build()
    docked.commit("again")
    second = docked.build(DOCKER_HOST="unix:///nowhere")
    assert (second["code"], second["version"], second["new"]) == (0, "1.0.0", False), second["err"]
    assert second["release"]["image"] == first["release"]["image"]


def test_B1_the_bytes_of_the_dockerfile_are_part_of_the_recipe(docked):
    docked.build()
    file = docked.folder / "docker" / "Dockerfile"
    docked.commit(**{"docker__Dockerfile": file.read_text() + "# a comment\n"})
    assert docked.build()["version"] == "1.1.0"


def test_B6_a_dockerfile_that_differs_from_the_commit_is_refused(docked):
    file = docked.folder / "docker" / "Dockerfile"
    file.write_text(file.read_text() + "# changed\n")
    refused = docked.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert refused["error"]["problems"][0]["file"] == "docker/Dockerfile"
    docked.git("rm", "-q", "--cached", "docker/Dockerfile")
    docked.git("commit", "-qm", "out of git")
    assert docked.build()["error"]["problems"][0]["message"] == "is not in git"


def test_V1_a_changed_base_of_the_dockerfile_is_a_patch(docked, registry):
    path = "base/below-a-dockerfile"
    push_base(registry, path, "3", salt="one")
    file = docked.folder / "docker" / "Dockerfile"
    docked.commit(**{"docker__Dockerfile": file.read_text().replace("base/python", path)})
    first = docked.build()
    push_base(registry, path, "3", salt="two")
    docked.commit("again")
    second = docked.build()
    assert (first["version"], second["version"]) == ("1.0.0", "1.0.1"), second["err"]
    assert second["trained"] is False


def test_B4_an_image_that_is_gone_for_good_is_followed_by_a_new_version(docked, client):
    first = docked.build()
    delete(first["release"]["image"])
    client.images.prune(filters={"dangling": True})
    docked.commit("again")
    second = docked.build()
    assert (second["version"], second["new"], second["trained"]) == ("1.0.1", True, False), second["err"]
    assert second["release"]["identity"] == first["release"]["identity"]
    assert [item["text"] for item in second["release"]["reasons"]] == [
        "the image of 1.0.0 is gone, and what is built now has another digest"
    ]
    third = docked.build()
    assert (third["version"], third["new"]) == ("1.0.1", False), third["err"]


def test_B8_a_prerelease_whose_image_is_gone_for_good_is_refused(docked, client):
    first = docked.build("--prerelease")
    assert first["code"] == 0, first["err"]
    delete(first["release"]["image"])
    client.images.prune(filters={"dangling": True})
    refused = docked.build("--prerelease")
    assert (refused["code"], refused["error"]["kind"]) == (4, "image-gone"), refused["err"]


def test_the_context_is_the_release_and_nothing_else(docked):
    (docked.folder / "secret.txt").write_text("in the folder, and not in the release")
    file = docked.folder / "docker" / "Dockerfile"
    docked.commit(**{"docker__Dockerfile": file.read_text().replace("COPY model model", "COPY secret.txt .")})
    failed = docked.build()
    assert (failed["code"], failed["error"]["kind"]) == (3, "image-build"), failed["err"]
    assert "secret.txt" in failed["error"]["message"]
    assert "artifacts" in failed["error"]["hint"]


def test_a_context_below_is_that_part_of_the_release(docked):
    change(docked, "dockerfile: docker/Dockerfile", "dockerfile: docker/Dockerfile\n  context: ./extra files/")
    text = (docked.folder / "docker" / "Dockerfile").read_text().splitlines()
    lines = [line for line in text if not line.startswith("COPY")] + ["COPY größe.txt /srv/"]
    docked.commit(**{"docker__Dockerfile": "\n".join(lines)})
    built = docked.build()
    assert built["code"] == 0, built["err"]


def test_a_dockerfile_that_fails_says_what_and_releases_nothing(docked):
    file = docked.folder / "docker" / "Dockerfile"
    docked.commit(**{"docker__Dockerfile": file.read_text() + 'RUN ["sh", "-c", "echo the reason; exit 7"]\n'})
    failed = docked.build()
    assert (failed["code"], failed["error"]["kind"]) == (3, "image-build"), failed["err"]
    assert "7" in failed["error"]["message"]
    [report] = failed["reports"]
    assert "the reason" in (docked.folder / report["path"]).read_text()
    assert docked.git("tag", "--list") == ""
    assert docked.run("release", "list")["releases"] == []


def test_a_dockerfile_that_is_none_is_the_team_s_fault(docked, registry):
    docked.commit(**{"docker__Dockerfile": f"FROM {registry}/base/python:3\nBAKE a cake\n"})
    failed = docked.build()
    assert (failed["code"], failed["error"]["kind"]) == (3, "image-build"), failed["err"]
    assert "BAKE" in failed["error"]["message"]


def test_no_daemon_is_said_with_what_to_do(docked):
    failed = docked.build(DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (failed["code"], failed["error"]["kind"]) == (8, "docker"), failed["err"]
    assert "package.base" in failed["error"]["hint"]
    assert failed["error"]["message"].endswith("at unix:///nowhere/docker.sock: no such file or directory")
    assert docked.trainings == 0, "what can be known before training is said before it"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("FROM --platform=linux/arm64 python:3\n", 1, "can't be followed"),
        ("# first\nFROM $NOWHERE/x:1\nFROM Upper/case\n", 2, "no name of an image"),
        ("FROM \\\n  python:3\n", 1, "no name of an image"),
    ],
)
def test_a_base_that_can_t_be_found_out_is_named_with_its_line(docked, text, line, words):
    docked.commit(**{"docker__Dockerfile": text})
    failed = docked.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "dockerfile"), failed["err"]
    problem = failed["error"]["problems"][0]
    assert (problem["file"], problem["line"]) == ("docker/Dockerfile", line)
    assert words in problem["message"]


def test_a_registry_that_takes_no_image_is_said(docked, tmp_path, registry):
    with distribution(tmp_path / "gone") as other:
        pass
    change(docked, "dockerfile:", f"image: {other}/x/y\n  dockerfile:")
    failed = docked.build()
    assert (failed["code"], failed["error"]["kind"]) == (8, "registry"), failed["err"]
    assert docked.git("tag", "--list") == ""
    assert docked.trainings == 0


@pytest.mark.parametrize(
    ("package", "words", "hint"),
    [
        ("dockerfile: docker/Dockerfil", "No such file", "relative to model.yaml"),
        ("dockerfile: docker", "Is a directory", "relative to model.yaml"),
        ("dockerfile: docker/Dockerfile\n  context: nowhere", "nowhere is no folder", "files of the release"),
        (
            "dockerfile: docker/Dockerfile\n  context: docker",
            "no file of the release",
            "folders are extra files/, model/;",
        ),
    ],
)
def test_a_dockerfile_or_context_that_isn_t_there_is_named(docked, package, words, hint):
    change(docked, "dockerfile: docker/Dockerfile", package)
    failed = docked.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "dockerfile"), failed["err"]
    assert words in failed["error"]["message"]
    assert hint in failed["error"]["hint"]


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_what_a_registry_refuses_is_found_in_the_daemon_s_stream(docked, tmp_path, client, registry, verb):
    """The daemon's push ends well in HTTP; only its stream tells."""
    with distribution(tmp_path / "gone") as other:
        pass
    name = f"{other}/x/y"
    client.images.pull(f"{registry}/base/python", tag="3").tag(name, "1")
    with Daemon() as daemon, pytest.raises(ModelDevopsError) as raised:
        daemon.push(name, "1", str) if verb == "push" else daemon.pull(name, f"sha256:{'0' * 64}", PLATFORM)
    assert (raised.value.code, "refused" in raised.value.message) == (8, True)
    client.images.remove(f"{name}:1")
