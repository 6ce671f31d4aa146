"""A release's image goes with it to environments, and none takes a release that isn't whole (P1, D8, D12)."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fault_proxy import Act, Proxy, is_silent, proxied, resets, says
from imaged import blob_file, make_imaged, manifest_of, own_store
from registries import distribution, referrers_registry, store_at  # noqa: F401  fixture
from served import Served

_numbers = itertools.count()


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


@dataclass(frozen=True)
class Registry:
    """A registry whose bytes a test may reach."""

    address: str
    folder: Path


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with distribution(folder) as address:
        yield Registry(address, folder)


@pytest.fixture
def store(registry: Registry) -> str:
    """The project's store."""
    return f"oci://{registry.address}/project{next(_numbers)}"


@pytest.fixture
def imaged(home: Path, tmp_path: Path, registry: Registry, store: str) -> Iterator[Served]:
    served = make_imaged(tmp_path / "a model", registry.address, store)
    yield served
    for environment in ("test", "production"):
        if served.revisions(environment):
            served.run("stop", environment, "--reason", "end of the test")


@pytest.fixture(params=["plain", "referrers"])
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Production's own store, in another registry than the project's."""
    if request.param == "referrers":
        yield f"oci://{request.getfixturevalue('referrers_registry')}/own{next(_numbers)}"
        return
    with distribution(tmp_path_factory.mktemp("own")) as address:
        yield f"oci://{address}/own"


def image_of(result: dict) -> dict:
    return ok(result)["release"]["image"]


def name_of(store: str) -> str:
    """The repository for images beside a store's releases."""
    return f"{store.removeprefix('oci://')}/mini/image"


def test_P1_promotion_brings_the_image_by_digest_with_its_version(imaged: Served, store: str, own: str) -> None:
    own_store(imaged, "production", own)
    built = image_of(imaged.build())
    assert built["reference"] == f"{name_of(store)}@{built['digest']}"
    ok(imaged.run("plan", "production"))
    assert manifest_of(name_of(own), built["digest"]) is None, "a plan copies nothing"
    deployed = image_of(imaged.run("deploy", "production"))
    assert deployed == built | {"reference": f"{name_of(own)}@{built['digest']}"}, "the record says where it was built"
    assert manifest_of(name_of(own), "1.0.0") == manifest_of(name_of(store), built["digest"])
    there = store_at(own)
    (stored,) = there.releases()
    assert there.verify(stored) == []
    shown = ok(imaged.run("release", "show", "1.0.0", "--store", own))
    assert shown["release"]["image"] == deployed
    assert deployed["reference"] in shown["err"]


@pytest.mark.parametrize("part", ["manifest", "configuration", "layer"])
@pytest.mark.parametrize("how", ["gone", "altered"])
def test_D12_a_release_whose_image_is_not_whole_is_not_taken(
    imaged: Served, registry: Registry, store: str, part: str, how: str
) -> None:
    image = image_of(imaged.build())
    document = manifest_of(name_of(store), image["digest"])
    assert document is not None
    parts = {"manifest": image["digest"], "configuration": document["config"]["digest"]}
    parts["layer"] = document["layers"][-1]["digest"]
    file = blob_file(registry.folder, parts[part])
    before = file.read_bytes()
    file.unlink() if how == "gone" else file.write_bytes(before + b" ")
    try:
        for verb in ("plan", "deploy"):
            refused = imaged.run(verb, "test")
            assert refused["code"] == 4, refused
            assert refused["error"]["kind"] == ("bytes-gone" if how == "gone" else "bytes-differ"), refused["error"]
            assert parts[part] in refused["error"]["message"]
            assert part in refused["error"]["message"]
        assert imaged.revisions("test") == []
    finally:
        file.write_bytes(before)
    ok(imaged.run("deploy", "test"))


def test_D12_a_configuration_of_the_same_size_is_hashed(imaged: Served, registry: Registry, store: str) -> None:
    image = image_of(imaged.build())
    document = manifest_of(name_of(store), image["digest"])
    assert document is not None
    file = blob_file(registry.folder, document["config"]["digest"])
    file.write_bytes(file.read_bytes().replace(b"65532", b"00000"))
    refused = imaged.run("deploy", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-differ")
    assert "configuration" in refused["error"]["message"]


def test_D12_a_document_of_the_release_of_the_same_size_is_hashed(
    imaged: Served, registry: Registry, store: str
) -> None:
    built = ok(imaged.build())
    manifest = json.loads(store_at(store).repository.manifest(built["digest"]))
    same_size(blob_file(registry.folder, manifest["config"]["digest"]))
    refused = imaged.run("deploy", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-differ")
    assert manifest["config"]["digest"] in refused["error"]["message"]


def test_D12_each_missing_part_of_a_release_is_named(imaged: Served, registry: Registry, store: str) -> None:
    ok(imaged.build())
    opened = store_at(store)
    (release,) = opened.releases()
    ((_, (data, _)),) = opened.files(release, "dataset").items()
    ((_, (weights, _)),) = opened.files(release, "model").items()
    for hexdigits in (data, weights):
        blob_file(registry.folder, hexdigits).unlink()
    refused = imaged.run("deploy", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-gone")
    said = [one["message"] for one in refused["error"]["problems"]]
    assert any("dataset/rows.csv" in one and data in one for one in said), "also what isn't run there"
    assert any("model/weights.safetensors" in one and weights in one for one in said)


def same_size(file: Path) -> None:
    """Flip a bit of the last byte."""
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("what", ["at the source", "on arrival"])
def test_P1_promotion_hashes_every_byte_of_an_image(
    imaged: Served, registry: Registry, store: str, what: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = f"oci://{registry.address}/own{next(_numbers)}"  # in the same registry: its bytes are mounted, not streamed
    folder = registry.folder
    if what == "at the source":
        with distribution(tmp_path_factory.mktemp("own")) as address:
            _refuses_altered(imaged, store, f"oci://{address}/own", folder)
    else:
        _refuses_altered(imaged, store, own, folder)


def _refuses_altered(imaged: Served, store: str, own: str, folder: Path) -> None:
    own_store(imaged, "production", own)
    image = image_of(imaged.build())
    document = manifest_of(name_of(store), image["digest"])
    assert document is not None
    file = blob_file(folder, document["layers"][-1]["digest"])
    before = file.read_bytes()
    same_size(file)
    refused = imaged.run("deploy", "production")
    assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-differ"), refused
    assert document["layers"][-1]["digest"] in refused["error"]["message"]
    assert imaged.revisions("production") == []
    again = imaged.run("deploy", "production")
    assert again["code"] == 4, "what was not verified is not taken the second time either"
    file.write_bytes(before)
    ok(imaged.run("deploy", "production"))


def test_P1_what_was_verified_on_arrival_is_not_hashed_at_each_deploy(
    imaged: Served, store: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with distribution(tmp_path_factory.mktemp("own")) as address, proxied(address) as proxy:
        own_store(imaged, "production", f"oci://{proxy.address}/own")
        image = image_of(imaged.build())
        document = manifest_of(name_of(store), image["digest"])
        assert document is not None
        layers = "|".join(layer["digest"] for layer in document["layers"])
        ok(imaged.run("deploy", "production"))
        assert len(proxy.all("GET", f"/image/blobs/({layers})")) == len(document["layers"])
        proxy.seen.clear()
        assert ok(imaged.run("deploy", "production"))["changed"] is False
        assert proxy.all("GET", f"/blobs/({layers})") == []
        assert len(proxy.all("HEAD", f"/image/blobs/({layers})")) == len(document["layers"])
        assert proxy.all("P.*", "/image/") == []
        ok(imaged.run("stop", "production", "--reason", "end"))


def test_P1_where_the_store_is_a_folder_the_image_stays_where_it_was_built(
    imaged: Served, store: str, tmp_path: Path
) -> None:
    own_store(imaged, "production", str(tmp_path / "production's store"))
    built = image_of(imaged.build())
    assert image_of(imaged.run("deploy", "production")) == built


def twice(imaged: Served, environment: str) -> list[dict]:
    """Two releases, one after the other, in an environment; returns their images."""
    images = []
    for seed in (1, 2):
        imaged.release(f"seed: {seed}\n")
        images.append(image_of(imaged.run("deploy", environment)))
    return images


def test_D12_the_way_back_refuses_what_is_known_to_be_gone(imaged: Served, registry: Registry, store: str) -> None:
    first, _ = twice(imaged, "test")
    blob_file(registry.folder, first["digest"]).unlink()
    shown = imaged.run("rollback", "test", "--dry-run")
    assert shown["code"] == 4
    refused = imaged.run("rollback", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "no-rollback")
    (problem,) = refused["error"]["problems"]
    assert "not whole" in problem["message"]
    assert first["digest"] in problem["message"]
    named = imaged.run("rollback", "test", "--to", "1.0.0")
    assert named["code"] == 4
    assert first["digest"] in named["error"]["message"]
    assert imaged.get("/env")["MODEL_DEVOPS_VERSION"] == "1.0.1"


@pytest.fixture
def elsewhere(home: Path, tmp_path: Path, registry: Registry) -> Iterator[tuple[Served, Proxy]]:
    """Releases in a folder, two of which ran in test; their images lie in a registry behind a proxy."""
    with proxied(registry.address) as proxy:
        served = make_imaged(tmp_path / "a model", proxy.address, None, image=f"{proxy.address}/team/mini")
        twice(served, "test")
        yield served, proxy
        served.run("stop", "test", "--reason", "end of the test")


def went_back(served: Served, address: str) -> None:
    """And said once that nobody knows of the image."""
    back = ok(served.run("rollback", "test"))
    assert back["revision"]["version"] == "1.0.0"
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == "1.0.0"
    (said,) = (one for one in back["warnings"] if "image of 1.0.0" in one)
    assert "isn't known" in said


@pytest.mark.parametrize(("answer", "code"), [(resets, 8), (says(403), 4)], ids=["none", "denied"])
def test_D12_the_way_back_needs_no_answer_of_the_registry_of_an_image(
    elsewhere: tuple[Served, Proxy], answer: Act, code: int
) -> None:
    served, proxy = elsewhere
    proxy.on(".*", "/team/mini", answer, times=1000)
    went_back(served, proxy.address)
    refused = served.run("deploy", "production")
    assert refused["code"] == code, "a deploy must know that all is there"
    assert proxy.address in refused["error"]["message"]


def test_D12_the_way_back_does_not_wait_for_a_registry_that_is_silent(elsewhere: tuple[Served, Proxy]) -> None:
    served, proxy = elsewhere
    proxy.on(".*", "/team/mini", is_silent, times=1000)
    went_back(served, proxy.address)
    assert len(proxy.all("GET", "/team/mini/manifests/sha256")) <= 5, "asked again by nobody"


def test_D8_the_way_back_finds_the_image_that_was_promoted(
    imaged: Served, registry: Registry, store: str, own: str
) -> None:
    """The project's registry lost it since; the environment's own has it."""
    own_store(imaged, "production", own)
    first, _ = twice(imaged, "production")
    blob_file(registry.folder, first["digest"]).unlink()
    back = ok(imaged.run("rollback", "production"))
    assert back["revision"]["version"] == "1.0.0"
    assert back["warnings"] == []


@pytest.mark.parametrize("point", ["registry.before-blob-name:2", "image.before-manifest", "image.before-tag"])
def test_P1_a_promotion_that_was_killed_is_completed_by_the_next(
    imaged: Served, store: str, tmp_path_factory: pytest.TempPathFactory, point: str
) -> None:
    with distribution(tmp_path_factory.mktemp("own")) as address:
        own = f"oci://{address}/own"
        own_store(imaged, "production", own)
        image = image_of(imaged.build())
        killed = imaged.run("deploy", "production", MODEL_DEVOPS_CRASH_AT=point)
        assert killed["code"] == -9, killed
        assert store_at(own).releases() == [], "a release is named once its image is there"
        ok(imaged.run("deploy", "production"))
        assert manifest_of(name_of(own), "1.0.0") == manifest_of(name_of(store), image["digest"])
        (stored,) = store_at(own).releases()
        assert store_at(own).verify(stored) == []
        ok(imaged.run("stop", "production", "--reason", "end"))


@pytest.mark.parametrize("point", ["image.after-manifest"])
def test_P1_a_tag_that_a_killed_promotion_left_out_is_set_by_the_next(imaged: Served, own: str, point: str) -> None:
    own_store(imaged, "production", own)
    image = image_of(imaged.build())
    assert imaged.run("deploy", "production", MODEL_DEVOPS_CRASH_AT=point)["code"] == -9
    assert manifest_of(name_of(own), image["digest"]) is not None
    assert manifest_of(name_of(own), "1.0.0") is None
    ok(imaged.run("deploy", "production"))
    assert manifest_of(name_of(own), "1.0.0") is not None
