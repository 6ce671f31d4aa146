"""Images of a store's releases, as any tool may have pushed them: for several platforms, or damaged (S8, D12)."""

import itertools
import json
from pathlib import Path

import pytest

from fault_proxy import alters, flipped, proxied, says, without
from imaged import digest, push_index, push_tiny
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import INDEX, Client
from model_devops.errors import RefusedError
from model_devops.release.images import StoreImages
from model_devops.release.record import Image
from registries import distribution

_numbers = itertools.count()


@pytest.fixture(params=["plain_registry", "referrers_registry"])
def host(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def built(host: str) -> str:
    """Where images are built."""
    return f"{host}/built{next(_numbers)}/image"


@pytest.fixture
def home(host: str) -> str:
    """Beside the releases of another store."""
    return f"{host}/home{next(_numbers)}/image"


def images(home: str | None) -> StoreImages:
    return StoreImages(parse(f"oci://{home}") if home else None)


def image(repository: str, name: str) -> Image:
    return Image(repository=repository, digest=name, platform="linux/amd64")


def tiny(repository: str, salt: str = "") -> Image:
    host, _, path = repository.partition("/")
    return image(repository, digest(push_tiny(host, path, "", salt=salt)))


def index(repository: str, *salts: str) -> Image:
    host, _, path = repository.partition("/")
    return image(repository, push_index(host, path, salts))


def client(repository: str) -> Client:
    return Client.open(parse(f"oci://{repository}"))


def platforms(repository: str, one: Image) -> list[str]:
    found = client(repository).manifest(one.digest)
    assert found is not None
    return [entry["digest"] for entry in json.loads(found.data)["manifests"]]


def test_S8_all_platforms_of_an_image_are_copied_as_they_are(built: str, home: str) -> None:
    one = index(built, "amd64", "arm64")
    store = images(home)
    assert not store.holds(one)
    assert store.take(images(None), one, "1.0.0") is None
    for reference in (one.digest, "1.0.0", *platforms(built, one)):
        there, here = client(home).manifest(reference), client(built).manifest(reference)
        assert there is not None
        if reference != "1.0.0":
            assert here is not None
            assert (there.data, there.media_type) == (here.data, here.media_type)
    assert client(home).manifest("1.0.0") == client(built).manifest(one.digest)
    again = images(home)
    assert again.holds(one)
    assert again.verify(one, {}) == again.lacking(one) == []
    assert again.located(one).reference == f"{home}@{one.digest}"


def test_D12_a_missing_platform_is_named(built: str) -> None:
    one = index(built, "amd64", "arm64")
    lost = platforms(built, one)[1]
    client(built).delete_manifest(lost)
    (problem,) = images(None).lacking(one)
    assert problem.kind == "bytes-gone"
    assert lost in problem.message
    (said,) = images(None).verify(one, {})
    assert lost in said


def test_S8_removing_an_image_takes_its_platforms_and_spares_those_of_others(built: str) -> None:
    gone, kept = index(built, "amd64", "arm64"), index(built, "arm64", "s390x")
    (own, shared), (_, other) = platforms(built, gone), platforms(built, kept)
    home = images(built).home
    assert home is not None
    home.remove(gone.digest, [kept.digest])
    left = [name for name in (gone.digest, own, shared, kept.digest, other) if client(built).manifest(name)]
    assert left == [shared, kept.digest, other]
    home.remove(gone.digest, [])  # what is gone is no error


def test_S8_the_stores_own_place_comes_first_and_then_where_it_was_built(built: str, home: str) -> None:
    one = tiny(built)
    store = images(home)
    assert [place.name for place in store.places(one)] == [home, built]
    assert store.find(one).name == built
    store.take(images(None), one, "1.0.0")
    assert images(home).find(one).name == home
    assert [place.name for place in images(built).places(one)] == [built]
    assert [place.name for place in images(None).places(one)] == [built]
    client(built).delete_manifest(one.digest)
    assert images(home).lacking(one) == []
    (problem,) = images(None).lacking(one)
    assert problem.kind == "bytes-gone"


def test_S8_a_copy_that_lost_a_part_is_completed_by_the_next(tmp_path: Path) -> None:
    with distribution(tmp_path / "registry") as host:
        one, home = tiny(f"{host}/built"), f"{host}/home"
        images(home).take(images(None), one, "1.0.0")
        found = client(home).manifest(one.digest)
        assert found is not None
        layer = json.loads(found.data)["layers"][0]["digest"]
        there = client(home)
        there.session.request("DELETE", f"/v2/home/blobs/{layer}", "repository:home:delete", expected=[202])
        assert there.blob_size(layer) is None
        assert not images(home).holds(one)
        (problem,) = images(home).lacking(one)
        assert (problem.kind, layer in problem.message) == ("bytes-gone", True)
        images(home).take(images(None), one, "1.0.0")
        assert images(home).lacking(one) == []


def test_D12_a_copy_with_other_bytes_is_refused_although_the_original_is_right(tmp_path: Path) -> None:
    with distribution(tmp_path / "registry") as host, proxied(host) as proxy:
        one = tiny(f"{host}/built")
        images(f"{host}/home").take(images(None), one, "1.0.0")
        proxy.on("GET", "/home/manifests/", alters(flipped), times=9)
        store = images(f"{proxy.address}/home")
        (problem,) = store.lacking(one)
        assert problem.kind == "bytes-differ"
        (said,) = store.verify(one, {})
        assert one.digest in said


def test_S8_a_tag_that_names_another_image_stays_and_is_told(built: str, home: str) -> None:
    first, second = tiny(built, "first"), tiny(built, "second")
    store = images(home)
    assert store.take(images(None), first, "1.0.0") is None
    assert store.take(images(None), first, "1.0.0") is None
    warning = store.take(images(None), second, "1.0.0")
    assert warning is not None
    assert "names another image" in warning
    assert client(home).manifest("1.0.0") == client(home).manifest(first.digest)
    assert images(home).holds(second)


@pytest.mark.parametrize(
    "document",
    [
        b"no JSON",
        b"[]",
        b'{"layers": [{"digest": "sha256:12", "size": 1}]}',
        b'{"layers": {"digest": "1"}}',
        b'{"config": {"digest": "sha256:%s"}}' % (b"a" * 64),
        b'{"manifests": [{"digest": "1.0.0", "size": 3}]}',
        b'{"layers": 7}',
    ],
)
def test_a_manifest_that_says_nothing_is_refused(tmp_path: Path, document: bytes) -> None:
    """Its digest is right: whoever wrote the record may have pushed anything."""
    with distribution(tmp_path / "registry") as host, proxied(host) as proxy:
        one = image(f"{proxy.address}/built", digest(document))

        def answers(exchange) -> None:
            exchange.answer(200, {"Content-Type": INDEX}, document)

        proxy.on("GET", "/manifests/", answers, times=9)
        (problem,) = images(None).lacking(one)
        assert problem.kind == "bytes-differ"
        assert one.digest in problem.message
        assert len(images(None).verify(one, {})) == 1
        with pytest.raises(RefusedError, match="can't be read"):
            images(f"{host}/home").take(images(None), one, "1.0.0")


def test_S8_a_repository_that_may_not_be_read_is_asked_no_further(tmp_path: Path) -> None:
    """Some registries say so of one that isn't there."""
    with distribution(tmp_path / "registry") as host, proxied(host) as proxy:
        one = tiny(f"{host}/built")
        proxy.on("GET", "/home/manifests/", says(403), times=99)
        store = images(f"{proxy.address}/home")
        assert store.find(one).name == f"{host}/built"
        assert not store.at_home(one)
        assert not store.holds(one)
        client(f"{host}/built").delete_manifest(one.digest)
        store = images(f"{proxy.address}/home")
        for ask in (store.find, store.lacking, store.in_reach):
            with pytest.raises(RefusedError) as refused:
                ask(one)
            assert refused.value.kind == "denied", "whether it is gone isn't known"
        assert store.located(one) == one


def test_D12_a_registry_that_tells_no_sizes_is_believed(tmp_path: Path) -> None:
    with distribution(tmp_path / "registry") as host, proxied(host) as proxy:
        one = tiny(f"{host}/built")
        proxy.on("HEAD", "/blobs/", without("content-length"), times=9)
        assert images(None).lacking(image(f"{proxy.address}/built", one.digest)) == []
