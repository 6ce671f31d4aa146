"""Images without a daemon: reproducible layers on a base, run by digest as they are (B2)."""

import json
import shutil
import subprocess

from containers import push_base
from mini_project import Mini, clone
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from packaged import change, delete, get, is_digest, make_packaged, named


def image_of(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result["release"]["image"]


def client_of(image: dict) -> Client:
    return Client.open(parse("oci://" + image["repository"]))


def test_B2_the_image_is_run_by_its_digest_and_serves_the_release(based, client):
    built = based.build()
    image = image_of(built)
    assert is_digest(image["digest"])
    assert image["reference"] == f"{image['repository']}@{image['digest']}"
    container = client.containers.run(
        image["reference"], detach=True, read_only=True, ports={"8080/tcp": ("127.0.0.1", None)}
    )
    assert get(container, "/model") == {"digest": built["release"]["artifacts"]["model"]}
    me = get(container, "/me")
    assert (me["uid"], me["cwd"], me["pid"]) == (65532, "/app", 1), "nobody, and signals reach the server itself"
    assert me["files"] == [
        ".model-devops/recipe.json",
        "evaluate.py",
        "extra files/größe.txt",
        "model/weights.safetensors",
        "model_digest.py",
        "params.yaml",
        "serve.py",
        "train.py",
    ], "what serving needs, and not the dataset"
    assert me["environment"] == {
        "MODEL_DEVOPS_IDENTITY": built["release"]["identity"],
        **{f"MODEL_DEVOPS_{name.upper()}_DIGEST": digest for name, digest in built["release"]["artifacts"].items()},
    }
    container.stop(timeout=30)
    assert container.wait()["StatusCode"] == 0, "SIGTERM ended it"


def test_B2_two_workspaces_come_to_the_same_image(based, remote_of, tmp_path, registry):
    first = image_of(based.build())
    other = clone(remote_of(based), tmp_path / "elsewhere" / "ü b")
    change(other, based_store(based), f"oci://{registry}/quite/another")
    (other.folder / "data" / "rows.csv").touch()
    second = image_of(other.build("--prerelease"))
    assert second["repository"] != first["repository"]
    assert second["digest"] == first["digest"], "neither version, commit, time nor place is in it"


def based_store(mini: Mini) -> str:
    text = (mini.folder / "model.yaml").read_text()
    return next(line.removeprefix("store: ") for line in text.splitlines() if line.startswith("store: "))


def test_B2_nothing_of_the_version_or_the_commit_is_in_the_image(based):
    built = based.build()
    image = image_of(built)
    client = client_of(image)
    manifest = client.manifest(image["digest"])
    config = json.loads(manifest.data)["config"]["digest"]
    with client.blob(config) as stream:
        text = manifest.data.decode() + stream.read(1 << 20).decode()
    assert built["release"]["identity"] in text
    for told in (built["digest"], built["release"]["commit"], "1.0.0", "2026-11"):
        assert told not in text


def test_the_configuration_is_the_bases_with_what_serve_says(based, registry):
    image = image_of(based.build())
    client = client_of(image)
    manifest = json.loads(client.manifest(image["digest"]).data)
    with client.blob(manifest["config"]["digest"]) as stream:
        config = json.loads(stream.read(1 << 20))
    process = config["config"]
    assert process["Entrypoint"] == ["python3", "serve.py"]
    assert "Cmd" not in process
    assert {"SALT=", "GREETING=hello", "HOST=0.0.0.0", "PORT=8080"} <= set(process["Env"])
    assert "PATH=/usr/local/bin:/usr/bin:/bin" in process["Env"]
    labels = process["Labels"]
    assert labels["team"] == "platform"
    assert "org.opencontainers.image.title" not in labels, "that was the base's"
    assert labels["org.opencontainers.image.base.name"] == f"{registry}/base/python:3"
    assert labels["org.opencontainers.image.base.digest"] == image["bases"][0]["digest"]
    assert config["created"] == "2026-01-01T00:00:00Z"
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == len(config["history"])


def test_the_version_is_a_tag_for_people(based):
    built = based.build()
    image = image_of(built)
    assert named(client_of(image), "1.0.0") == image["digest"]


def test_B4_an_unchanged_build_returns_the_release_with_its_image(based):
    first = based.build()
    based.commit("nothing that matters", **{"README.md": "hello"})
    second = based.build()
    assert (second["version"], second["new"]) == ("1.0.0", False), second["err"]
    assert image_of(second) == image_of(first)


def test_V1_a_changed_base_is_a_patch(based, registry):
    path = f"base/moving{len(based.folder.as_posix())}"
    one = push_base(registry, path, "3", salt="one")
    change(based, "base/python:3", f"{path}:3")
    first = based.build()
    assert image_of(first)["bases"] == [{"reference": f"{registry}/{path}:3", "digest": one}]
    two = push_base(registry, path, "3", salt="two")
    assert one != two
    based.commit("again")
    second = based.build()
    assert second["version"] == "1.0.1", second["err"]
    assert second["trained"] is False, "a base is no input of training"
    assert [item["text"] for item in second["release"]["reasons"]] == ["base image changed"]
    assert image_of(second)["digest"] != image_of(first)["digest"]


def test_B1_another_serve_command_is_another_image(based):
    first = image_of(based.build())
    change(based, "command: python3 serve.py", "command: exec python3 -u serve.py")
    second = based.build()
    assert second["version"] == "1.1.0", second["err"]
    assert image_of(second)["digest"] != first["digest"]


def test_a_list_of_platforms_gives_the_one_that_is_asked_for(based, registry):
    index = push_base(registry, "base/many", "3", platforms=("linux/s390x", "linux/arm64/v8", "linux/amd64"))
    change(based, "base/python:3", "base/many:3")
    text = (based.folder / "model.yaml").read_text()
    for platform, wanted in (("linux/s390x", "s390x"), ("linux/arm64", "arm64"), ("linux/arm64/v8", "arm64")):
        own = "\n".join(
            f"  platform: {platform}" if line.startswith("  platform:") else line for line in text.splitlines()
        )
        based.commit(platform, **{"model.yaml": own + "\n"})
        image = image_of(based.build())
        client = client_of(image)
        config = json.loads(client.manifest(image["digest"]).data)["config"]["digest"]
        with client.blob(config) as stream:
            assert json.loads(stream.read(1 << 20))["architecture"] == wanted
        assert image["bases"][0]["index"] == index
        assert image["bases"][0]["digest"] != index


def test_B4_an_image_that_is_gone_is_made_again_to_its_digest(based):
    first = based.build()
    image = image_of(first)
    client = client_of(image)
    delete(image)
    damaged = based.run("release", "verify", "1.0.0")
    assert damaged["code"] == 4
    assert "is missing" in damaged["error"]["problems"][0]["message"]
    based.commit("again")
    second = based.build()
    assert (second["version"], second["new"], second["trained"]) == ("1.0.0", False, False), second["err"]
    assert image_of(second) == image
    assert named(client, "1.0.0") == client.manifest(image["digest"]).digest == image["digest"]
    assert based.run("release", "verify", "1.0.0")["code"] == 0


def test_each_artifact_is_a_layer_of_its_own_that_is_shared_between_versions(based):
    image_of(based.build())
    based.commit(**{"serve.py": (based.folder / "serve.py").read_text() + "# changed\n"})
    second = based.build()
    image = image_of(second)
    client = client_of(image)
    layers = json.loads(client.manifest(image["digest"]).data)["layers"]
    first = json.loads(client.manifest("1.0.0").data)["layers"]
    same = [one == two for one, two in zip(first, layers, strict=True)]
    assert same == [True, True, False, True, True], "of base, model, code, params and recipe only the code differs"


def test_docker_and_other_tools_pull_it(based, docker_host, tmp_path, client):
    image = image_of(based.build())
    client.images.pull(image["repository"], tag="1.0.0")
    assert client.images.get(image["reference"]).attrs["Config"]["Entrypoint"] == ["python3", "serve.py"]
    assert shutil.which("skopeo")
    done = subprocess.run(
        ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image['reference']}", f"dir:{tmp_path / 'pulled'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_release_show_names_the_image(based, registry):
    built = based.build()
    shown = based.run("release", "show", "1.0.0")
    assert shown["release"]["image"] == built["release"]["image"]
    assert shown["record"]["image"]["digest"] == image_of(built)["digest"]
    assert image_of(built)["reference"] in shown["err"]
    record = shown["record"]
    assert record["identity"]["baseImage"] == record["inputs"]["baseImage"] == image_of(built)["bases"][0]["digest"]


def test_the_image_goes_where_the_file_says(tmp_path, registry):
    package = f"base: {registry}/base/python:3\nimage: {registry}/somewhere/else"
    mini = make_packaged(tmp_path / "model", "releases", package)
    assert image_of(mini.build())["repository"] == f"{registry}/somewhere/else"
