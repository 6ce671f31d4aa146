"""A release's image goes with its release to another store, by digest (S8), and `release prune` keeps or takes it."""

import itertools
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from fault_proxy import Proxy, proxied, says
from go_programs import CRANE, ORAS, installed
from imaged import blob_file, make_imaged, manifest_of, own_store
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import SMALLEST, Client
from packaged import change
from registries import distribution, store_at, with_referrers
from served import Served

_numbers = itertools.count()
BOTH = pytest.mark.parametrize("kinds", [("plain", "referrers"), ("referrers", "plain")], ids=lambda kinds: kinds[1])
PRUNE = ("release", "prune", "--last", "1", "--within", "0s")


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def image_of(result: dict) -> dict:
    return ok(result)["release"]["image"]


def name_of(store: str) -> str:
    return f"{store.removeprefix('oci://')}/mini/image"


@pytest.fixture
def stores(request: pytest.FixtureRequest, kinds: tuple[str, str]) -> tuple[str, str]:
    """The project's store and another, in two registries."""
    hosts = [request.getfixturevalue(f"{kind}_registry") for kind in kinds]
    number = next(_numbers)
    return f"oci://{hosts[0]}/travel{number}", f"oci://{hosts[1]}/arrived{number}"


@pytest.fixture
def imaged(home: Path, tmp_path: Path, stores: tuple[str, str]) -> Served:
    host = stores[0].removeprefix("oci://").partition("/")[0]
    return make_imaged(tmp_path / "a model", host, stores[0])


def arrived(store: str, digest: str, version: str = "1.0.0") -> bool:
    """Whether an image is beside the releases of a store, with its version as a tag, and all of it is right."""
    assert manifest_of(name_of(store), digest) == manifest_of(name_of(store), version)
    stored = store_at(store).find(version)
    return stored is not None and store_at(store).verify(stored) == []


@BOTH
@pytest.mark.parametrize("way", ["push", "copy", "join"])
def test_S8_an_image_goes_with_its_release_to_another_store(
    imaged: Served, stores: tuple[str, str], way: str, tmp_path: Path
) -> None:
    source, target = stores
    image = image_of(imaged.build())
    if way == "join":
        folder = str(tmp_path / "folder")
        ok(imaged.run("push", "--to", folder))
        ok(imaged.run("store", "join", folder, "--store", target))
    else:
        verb = ["push"] if way == "push" else ["release", "copy", "1.0.0"]
        copied = image_of(imaged.run(*verb, "--to", target))
        assert copied == image | {"reference": f"{name_of(target)}@{image['digest']}"}
    assert arrived(target, image["digest"])
    for store in (source, target):
        shown = ok(imaged.run("release", "list", "--store", store))
        assert shown["releases"][0]["image"]["reference"] == f"{name_of(store)}@{image['digest']}"


@BOTH
def test_S8_a_copy_needs_the_place_of_the_original_no_more(imaged: Served, stores: tuple[str, str]) -> None:
    source, target = stores
    image = image_of(imaged.build())
    ok(imaged.run("push", "--to", target))
    delete(source, image["digest"])
    assert ok(imaged.run("push", "--to", target))["new"] == []
    assert ok(imaged.run("release", "verify", "1.0.0", "--store", target))
    damaged = imaged.run("release", "verify", "1.0.0")
    assert damaged["code"] == 4
    third = target + "-again"
    refused = imaged.run("push", "--to", third)
    assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-gone")
    assert image["digest"] in refused["error"]["message"]
    assert store_at(third).releases() == []
    ok(imaged.run("push", "1.0.0", "--store", target, "--to", third))
    assert arrived(third, image["digest"])
    unchanged = ok(imaged.build("--store", target))
    assert (unchanged["new"], unchanged["version"]) == (False, "1.0.0"), "its image is in reach there"


def client_of(store: str) -> Client:
    return Client.open(parse(f"oci://{name_of(store)}"))


def delete(store: str, digest: str) -> None:
    client_of(store).delete_manifest(digest)
    assert manifest_of(name_of(store), digest) is None


@BOTH
def test_S8_joining_takes_the_rest_where_an_image_was_lost_before(
    imaged: Served, stores: tuple[str, str], tmp_path: Path
) -> None:
    source, target = stores
    lost = image_of(imaged.build())
    imaged.release("seed: 2\n")
    kept = image_of(imaged.run("release", "show", "1.0.1"))
    folder = str(tmp_path / "folder")
    for version in ("1.0.0", "1.0.1"):
        ok(imaged.run("push", version, "--to", folder))
    delete(source, lost["digest"])
    joined = ok(imaged.run("store", "join", folder, "--store", target))
    (warning,) = joined["warnings"]
    assert "1.0.0 is taken without its image" in warning
    assert lost["digest"] in warning
    assert arrived(target, kept["digest"], "1.0.1")
    assert [one.version for one in store_at(target).releases()] == ["1.0.0", "1.0.1"]


def blob_bytes(proxy: Proxy) -> int:
    """Bytes of blobs that were sent."""
    return sum(one.taken for one in proxy.all("P.*", "/blobs/"))


@pytest.mark.parametrize("registry_of", [distribution, with_referrers])
def test_S8_what_is_there_is_not_sent_again_and_one_registry_sends_itself_nothing(
    home: Path, tmp_path: Path, registry_of: Callable[[Path], AbstractContextManager[str]]
) -> None:
    with distribution(tmp_path / "source") as source, registry_of(tmp_path / "own") as host, proxied(host) as proxy:
        imaged = make_imaged(tmp_path / "a model", source, f"oci://{source}/models")
        image = image_of(imaged.build())
        target = f"oci://{proxy.address}/counted{next(_numbers)}"
        ok(imaged.run("push", "--to", target))
        document = manifest_of(name_of(target), image["digest"])
        assert document is not None
        size = sum(part["size"] for part in (document["config"], *document["layers"]))
        assert blob_bytes(proxy) > size, "the image, and the release"
        proxy.seen.clear()
        ok(imaged.run("push", "--to", target))
        assert blob_bytes(proxy) <= len(SMALLEST), "no more than tells whether we may write"
        assert proxy.all("P.*", "/image/manifests/") == []
        assert len(proxy.seen) <= 30, [f"{one.method} {one.path}" for one in proxy.seen]
        proxy.seen.clear()
        ok(imaged.run("push", "--store", target, "--to", target + "-beside"))
        assert blob_bytes(proxy) <= 2 * len(SMALLEST), "mounted, but for what tells whether we may write"
        mounted = {one.path.partition("mount=")[2].partition("&")[0] for one in proxy.all("POST", "/image/.*mount=")}
        parts = {part["digest"] for part in (document["config"], *document["layers"])}
        assert mounted == (parts if registry_of is distribution else set()), "the other has one heap for all"
        assert arrived(target + "-beside", image["digest"])


@BOTH
@pytest.mark.parametrize("part", ["manifest", "configuration", "layer"])
@pytest.mark.parametrize("how", ["gone", "altered"])
def test_S8_an_image_that_is_not_whole_is_not_copied(
    home: Path, tmp_path: Path, plain_registry: str, kinds: tuple[str, str], part: str, how: str, request
) -> None:
    target = f"oci://{request.getfixturevalue(f'{kinds[1]}_registry')}/refused{next(_numbers)}"
    with distribution(tmp_path / "source") as source:
        imaged = make_imaged(tmp_path / "a model", source, f"oci://{source}/models")
        image = image_of(imaged.build())
        document = manifest_of(name_of(f"oci://{source}/models"), image["digest"])
        assert document is not None
        parts = {"manifest": image["digest"], "configuration": document["config"]["digest"]}
        parts["layer"] = document["layers"][-1]["digest"]
        file = blob_file(tmp_path / "source", parts[part])
        data = file.read_bytes()
        other = data + b" " if part == "manifest" else data[::-1]
        file.unlink() if how == "gone" else file.write_bytes(other)
        refused = imaged.run("push", "--to", target)
        assert refused["code"] == 4, refused
        assert refused["error"]["kind"] == ("bytes-gone" if how == "gone" else "bytes-differ")
        assert parts[part] in refused["error"]["message"]
    assert store_at(target).releases() == []
    assert manifest_of(name_of(target), image["digest"]) is None


@pytest.mark.parametrize(
    "point", ["registry.before-blob-name:3", "image.before-manifest", "image.after-manifest", "image.before-tag"]
)
def test_S8_a_copy_that_was_killed_is_completed_by_the_next(
    home: Path, tmp_path: Path, plain_registry: str, point: str
) -> None:
    imaged = make_imaged(tmp_path / "a model", plain_registry, f"oci://{plain_registry}/killed{next(_numbers)}")
    image = image_of(imaged.build())
    with distribution(tmp_path / "other") as other:
        target = f"oci://{other}/models"
        assert imaged.run("push", "--to", target, MODEL_DEVOPS_CRASH_AT=point)["code"] == -9
        assert store_at(target).releases() == []
        ok(imaged.run("push", "--to", target))
        assert arrived(target, image["digest"])


def test_S8_a_copy_to_a_folder_leaves_the_image_where_it_is(home: Path, tmp_path: Path, plain_registry: str) -> None:
    store = f"oci://{plain_registry}/folder{next(_numbers)}"
    imaged = make_imaged(tmp_path / "a model", plain_registry, store)
    image = image_of(imaged.build())
    folder = str(tmp_path / "folder")
    assert image_of(imaged.run("push", "--to", folder)) == image
    assert ok(imaged.run("release", "verify", "1.0.0", "--store", folder))
    delete(store, image["digest"])
    assert imaged.run("release", "verify", "1.0.0", "--store", folder)["code"] == 4


def test_the_image_goes_beside_the_releases_of_the_store_that_was_asked_for(
    home: Path, tmp_path: Path, plain_registry: str
) -> None:
    named, asked = (f"oci://{plain_registry}/{kind}{next(_numbers)}" for kind in ("named", "asked"))
    imaged = make_imaged(tmp_path / "a model", plain_registry, named)
    image = image_of(imaged.build("--store", asked))
    assert image["repository"] == name_of(asked)
    assert manifest_of(name_of(named), image["digest"]) is None
    nowhere = imaged.build("--prerelease", "--store", str(tmp_path / "folder"))
    assert (nowhere["code"], nowhere["error"]["kind"]) == (2, "no-place")
    assert "image: HOST/PATH" in nowhere["error"]["hint"]
    change(imaged, f"store: {named}\n", "")
    assert imaged.trainings == 1, "known before training"
    assert image_of(imaged.build("--store", asked, "--prerelease"))["repository"] == name_of(asked)


# prune


@pytest.fixture
def pruned(home: Path, tmp_path: Path, plain_registry: str) -> Iterator[tuple[Served, str, list[dict]]]:
    """Four releases with images; 1.0.0 runs in test."""
    store = f"oci://{plain_registry}/pruned{next(_numbers)}"
    imaged = make_imaged(tmp_path / "a model", plain_registry, store)
    images = []
    for seed in range(4):
        imaged.release(f"seed: {seed}\n")
        images.append(image_of(imaged.run("release", "show")))
        if not seed:
            ok(imaged.run("deploy", "test"))
    yield imaged, store, images
    imaged.run("stop", "test", "--reason", "end of the test")


def test_S8_the_image_of_a_removed_release_goes_too(pruned: tuple[Served, str, list[dict]]) -> None:
    imaged, store, images = pruned
    name = name_of(store)
    gone, kept = [one["digest"] for one in images[1:3]], [images[0]["digest"], images[3]["digest"]]
    said = ok(imaged.run(*PRUNE))
    assert said["going"] == ["1.0.1", "1.0.2"]
    assert said["images"] == [f"{name}@{digest}" for digest in gone]
    assert all(reference in said["err"] for reference in said["images"])
    assert all(manifest_of(name, one["digest"]) for one in images), "nothing changed yet"
    done = ok(imaged.run(*PRUNE, "--delete"))
    assert (done["removed"], done["images"], done["imagesLeft"]) == (["1.0.1", "1.0.2"], said["images"], [])
    assert [manifest_of(name, digest) for digest in gone] == [None, None]
    assert all(manifest_of(name, digest) for digest in kept)
    assert all(store_at(store).verify(one) == [] for one in store_at(store).releases())
    assert ok(imaged.run(*PRUNE, "--delete"))["images"] == []


def test_S8_an_image_that_a_kept_release_names_stays(pruned: tuple[Served, str, list[dict]]) -> None:
    imaged, store, images = pruned
    imaged.commit(**{"params.yaml": "seed: 2\n"})
    again = image_of(imaged.build())
    assert again["digest"] == images[2]["digest"], "the bytes of 1.0.2 again"
    said = ok(imaged.run(*PRUNE, "--delete"))
    assert said["removed"] == ["1.0.1", "1.0.2", "1.0.3"]
    assert said["images"] == [f"{name_of(store)}@{images[number]['digest']}" for number in (1, 3)]
    assert ok(imaged.run("release", "verify", "1.0.4"))


def test_S8_images_of_what_stays_have_their_version_as_a_tag(pruned: tuple[Served, str, list[dict]]) -> None:
    imaged, store, images = pruned
    client = client_of(store)
    manifest = client.manifest(images[0]["digest"])
    assert manifest is not None
    client.delete_manifest(manifest.digest)
    client.put_manifest(manifest.digest, manifest.data, manifest.media_type)
    assert client.manifest("1.0.0") is None
    ok(imaged.run(*PRUNE))
    assert client.manifest("1.0.0") is None, "a dry run changes nothing"
    ok(imaged.run(*PRUNE, "--delete"))
    found = client.manifest("1.0.0")
    assert found is not None
    assert found.digest == images[0]["digest"]


def test_S8_a_registry_that_lets_nobody_remove_is_told_before_anything_is_gone(
    home: Path, tmp_path: Path, plain_registry: str
) -> None:
    with proxied(plain_registry) as proxy:
        store = f"oci://{proxy.address}/strict{next(_numbers)}"
        imaged = make_imaged(tmp_path / "a model", proxy.address, store)
        for seed in range(2):
            imaged.release(f"seed: {seed}\n")
        proxy.on("DELETE", "/manifests/", says(405), times=100)
        refused = imaged.run(*PRUNE, "--delete")
        assert (refused["code"], refused["error"]["kind"]) == (4, "not-removable")
        assert "lets nobody remove anything" in refused["error"]["message"]
        assert [one.version for one in store_at(store).releases()] == ["1.0.0", "1.0.1"]
        assert [item.kind for item in store_at(store).evidence()] == ["built", "built"]
        assert ok(imaged.run("release", "verify"))


def test_S8_what_was_cut_off_between_image_and_release_is_removed_by_the_next_run(
    home: Path, tmp_path: Path, plain_registry: str
) -> None:
    with proxied(plain_registry) as proxy:
        store = f"oci://{proxy.address}/cut{next(_numbers)}"
        imaged = make_imaged(tmp_path / "a model", proxy.address, store)
        for seed in range(2):
            imaged.release(f"seed: {seed}\n")
        digest = image_of(imaged.run("release", "show", "1.0.0"))["digest"]
        proxy.on("DELETE", "/mini/manifests/", says(405))
        assert imaged.run(*PRUNE, "--delete")["code"] == 4
        assert manifest_of(name_of(store), digest) is None
        assert [one.version for one in store_at(store).releases()] == ["1.0.0", "1.0.1"]
        assert ok(imaged.run(*PRUNE, "--delete"))["removed"] == ["1.0.0"]
        assert [one.version for one in store_at(store).releases()] == ["1.0.1"]


@pytest.mark.parametrize("beside", ["folder", "registry"])
def test_S8_an_image_elsewhere_is_left_and_said(home: Path, tmp_path: Path, plain_registry: str, beside: str) -> None:
    number = next(_numbers)
    store = f"oci://{plain_registry}/beside{number}" if beside == "registry" else "releases"
    elsewhere = f"{plain_registry}/elsewhere{number}"
    imaged = make_imaged(tmp_path / "a model", plain_registry, store, image=elsewhere)
    for seed in range(2):
        imaged.release(f"seed: {seed}\n")
    digest = image_of(imaged.run("release", "show", "1.0.0"))["digest"]
    said = ok(imaged.run(*PRUNE, "--delete"))
    assert (said["removed"], said["images"], said["imagesLeft"]) == (["1.0.0"], [], [f"{elsewhere}@{digest}"])
    assert "is left" in said["err"]
    assert manifest_of(elsewhere, digest) is not None


def test_S8_an_image_that_another_store_relies_on_stays(pruned: tuple[Served, str, list[dict]], tmp_path: Path) -> None:
    imaged, store, images = pruned
    folder = str(tmp_path / "production's store")
    own_store(imaged, "production", folder)
    ok(imaged.run("deploy", "production", "--release", "1.0.2"))
    ok(imaged.run("stop", "production", "--reason", "no longer"))
    for environment in ("production", "test"):
        assert imaged.run("status", environment)["code"] == 0
    said = ok(imaged.run("release", "prune", "--last", "0", "--within", "0s", "--delete", "--gone", "test"))
    assert f"{name_of(store)}@{images[2]['digest']}" not in said["images"]
    assert manifest_of(name_of(store), images[2]["digest"]) is not None


@BOTH
def test_crane_and_oras_take_images_where_they_were_made_and_where_they_went(
    imaged: Served, stores: tuple[str, str], tmp_path: Path
) -> None:
    """Without --fast, crane takes no layer that isn't gzipped for one; `export` reads and hashes every layer."""
    source, target = stores
    image = image_of(imaged.build())
    ok(imaged.run("push", "--to", target))
    for reference in (f"{name_of(source)}@{image['digest']}", f"{name_of(target)}:1.0.0"):
        assert "PASS" in said_by(CRANE, "validate", "--insecure", "--fast", "--remote", reference)
        said_by(CRANE, "export", "--insecure", reference, str(tmp_path / "files.tar"))
        with tarfile.open(tmp_path / "files.tar") as files:
            assert {"app/serve.py", "app/model/weights.safetensors"} <= set(files.getnames())
        said_by(ORAS, "copy", "--from-plain-http", reference, "--to-oci-layout", f"{tmp_path / 'layout'}:copied")
        resolved = said_by(ORAS, "resolve", "--oci-layout", f"{tmp_path / 'layout'}:copied")
        assert resolved.strip() == image["digest"]


def said_by(module: str, *arguments: str) -> str:
    done = subprocess.run([installed(module), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
