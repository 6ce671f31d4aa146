"""What can be wrong with an image's base and place: said in words, with nothing half done."""

import json

import pytest

from containers import CONFIG, push_base
from mini_project import Mini
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import Client
from packaged import change, named
from registries import distribution


def untouched(mini: Mini) -> None:
    assert mini.git("tag", "--list") == ""
    assert mini.trainings == 0, "what can be known before training is said before it"


def test_an_unknown_base_is_named(based, registry):
    change(based, "base/python:3", "base/python:4")
    failed = based.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "unknown-base"), failed["err"]
    assert f"{registry}/base/python:4" in failed["error"]["message"]
    assert "Traceback" not in failed["err"]
    untouched(based)


def test_a_digest_that_isn_t_there_is_named(based):
    change(based, "base/python:3", f"base/python@sha256:{'0' * 64}")
    failed = based.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "unknown-base"), failed["err"]


@pytest.mark.parametrize("platforms", [("linux/s390x", "linux/arm64/v8"), ()])
def test_a_base_without_the_platform_says_which_it_has(based, registry, platforms):
    push_base(registry, "base/foreign", "3", platforms=platforms)
    change(based, "base/python:3", "base/foreign:3")
    text = (based.folder / "model.yaml").read_text().splitlines()
    lines = ["  platform: linux/riscv64" if line.startswith("  platform:") else line for line in text]
    based.commit(**{"model.yaml": "\n".join(lines) + "\n"})
    failed = based.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "no-platform"), failed["err"]
    assert (", ".join(platforms) or "linux/") in failed["error"]["hint"]
    untouched(based)


def test_a_base_whose_registry_is_away_ends_with_8(based, tmp_path):
    with distribution(tmp_path / "gone") as other:
        pass
    text = (based.folder / "model.yaml").read_text().splitlines()
    lines = [f"  base: {other}/base/python:3" if line.startswith("  base:") else line for line in text]
    based.commit(**{"model.yaml": "\n".join(lines) + "\n"})
    failed = based.build()
    assert (failed["code"], failed["error"]["kind"]) == (8, "registry"), failed["err"]
    untouched(based)


def test_a_model_is_no_base(based, registry, store):
    """A release of ours is an OCI manifest too, and has no root file system."""
    assert based.build()["code"] == 0
    change(based, "base/python:3", store.rpartition("/")[2] + "/mini:1.0.0")
    failed = based.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "unknown-base"), failed["err"]


def test_layers_of_a_kind_that_nobody_may_copy_are_refused(based, registry):
    client = Client.open(parse(f"oci://{registry}/base/windows"))
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["x"]}})
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    layer = {"mediaType": foreign, "digest": client.put_blob(b"x"), "size": 1}
    described = {"mediaType": CONFIG, "digest": client.put_blob(config.encode()), "size": len(config)}
    client.put_manifest("1", json.dumps({"schemaVersion": 2, "config": described, "layers": [layer]}).encode())
    change(based, "base/python:3", "base/windows:1")
    text = (based.folder / "model.yaml").read_text().splitlines()
    lines = ["  platform: linux/amd64" if line.startswith("  platform:") else line for line in text]
    based.commit(**{"model.yaml": "\n".join(lines) + "\n"})
    failed = based.build()
    assert (failed["code"], failed["error"]["kind"]) == (2, "unknown-base"), failed["err"]
    assert foreign in failed["error"]["message"]
    assert based.git("tag", "--list") == ""


def test_a_base_whose_bytes_are_gone_or_different_is_no_image(based, registry, tmp_path):
    """Streamed from another registry, every layer is hashed on its way."""
    with distribution(tmp_path / "other") as other:
        push_base(other, "base/python", "3")
        [layer] = sorted(
            (tmp_path / "other").glob("data/**/blobs/sha256/*/*/data"), key=lambda file: file.stat().st_size
        )[-1:]
        data = bytearray(layer.read_bytes())
        data[len(data) // 2] ^= 1
        layer.write_bytes(data)
        text = (based.folder / "model.yaml").read_text().splitlines()
        lines = [f"  base: {other}/base/python:3" if line.startswith("  base:") else line for line in text]
        lines = ["store: releases" if line.startswith("store:") else line for line in lines]
        lines.append(f"  image: {registry}/altered/image")
        based.commit(**{"model.yaml": "\n".join(lines) + "\n"})
        refused = based.build()
        assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-differ"), refused["err"]
        layer.unlink()
        gone = based.build()
        assert (gone["code"], gone["error"]["kind"]) == (4, "bytes-gone"), gone["err"]
    assert based.git("tag", "--list") == ""
    assert Client.open(parse(f"oci://{registry}/altered/image")).tags() == []


def test_release_verify_hashes_every_byte_of_the_image(based, tmp_path):
    with distribution(tmp_path / "own") as own:
        text = (based.folder / "model.yaml").read_text()
        based.commit(**{"model.yaml": text + f"  image: {own}/own/image\n"})
        image = based.build()["release"]["image"]
        assert based.run("release", "verify", "1.0.0")["code"] == 0
        client = Client.open(parse("oci://" + image["repository"]))
        layer = json.loads(client.manifest(image["digest"]).data)["layers"][1]["digest"].removeprefix("sha256:")
        file = tmp_path / "own" / f"data/docker/registry/v2/blobs/sha256/{layer[:2]}/{layer}/data"
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
        damaged = based.run("release", "verify", "1.0.0")
        assert damaged["code"] == 4
        [problem] = damaged["error"]["problems"]
        assert problem["message"].startswith(f"the image's layer sha256:{layer} has other bytes")
        file.unlink()
        [problem] = based.run("release", "verify", "1.0.0")["error"]["problems"]
        assert problem["message"].startswith(f"the image's layer: blob sha256:{layer} is missing")


def test_a_tag_that_names_another_image_is_left_and_said(based, registry, store):
    image = f"{registry}/{store.rpartition('/')[2]}/mini/image"
    other = push_base(registry, image.partition("/")[2], "1.0.0")
    built = based.build()
    assert built["code"] == 0, built["err"]
    assert [
        text
        for text in built["warnings"]
        if "names another image" in text and built["release"]["image"]["reference"] in text
    ]
    assert named(Client.open(parse("oci://" + image)), "1.0.0") == other
