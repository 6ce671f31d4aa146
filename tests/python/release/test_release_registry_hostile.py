"""What a hostile registry gives as a release or a statement is refused in words, and nothing is written elsewhere."""

import contextlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fault_proxy import proxied, says
from model_devops.adapters.registry.address import parse
from model_devops.errors import ModelDevopsError
from model_devops.release import tarball
from model_devops.release.layout import LayoutStore
from model_devops.release.packing import FILEPATH, MANIFEST, TITLE, documents, layer
from model_devops.release.registry.store import RegistryStore
from model_devops.release.transfer import join
from release_samples import record_for, some_sources

_numbers = itertools.count()
RAW = "application/vnd.cncf.model.weight.v1.raw"


@pytest.fixture
def registry(plain_registry: str) -> RegistryStore:
    return at(f"oci://{plain_registry}/hostile{next(_numbers)}")


def at(address: str) -> RegistryStore:
    store = RegistryStore(parse(address))
    store.repository.client.session.pause = lambda _: None
    return store


def reopened(store: RegistryStore) -> RegistryStore:
    return at(store.location)


def put(store: RegistryStore, tmp_path: Path, layers: list[Any], change: Callable[[Any], Any] | None = None) -> None:
    """Push a release with these layers, as somebody does who may write there, under 1.0.0."""
    record = record_for(some_sources(tmp_path / "sources"))
    found = documents(layers, record)
    for data in (found.record, found.config):
        store.blobs.put(data)
    manifest = found.manifest
    if change is not None:
        document = json.loads(manifest)
        manifest = json.dumps(change(document) or document).encode()
    store.repository.client.put_manifest("1.0.0", manifest)


def blob(store: RegistryStore, title: str, data: bytes, **changes: Any) -> dict[str, Any]:
    digest = store.blobs.put(data)
    return layer(RAW, title, digest, len(data)) | changes


def tar(*members: tuple[str, bytes]) -> bytes:
    return b"".join(tarball.header(name, len(data)) + data + tarball.padding(len(data)) for name, data in members) + (
        tarball.END
    )


def refused(store: RegistryStore, target: Path) -> ModelDevopsError | None:
    """What is said of 1.0.0, in whatever way it is looked at; None where it counts as no release of ours."""
    store = reopened(store)
    assert isinstance(store.problems(), list)
    found = store.find("1.0.0")
    if found is None:
        assert store.releases() == []
        return None
    assert store.verify(found) != []
    with pytest.raises(ModelDevopsError) as error:
        store.materialise(found, target)
    assert not target.exists()
    return error.value


PATHS = [
    "../escaped",
    "a/../../escaped",
    "/etc/escaped",
    "a//b",
    "./a",
    "a\\b",
    "a\nb",
    "a\0b",
    "\ud800",
    "",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("artifact", ["model", ".."])
def test_no_layer_leaves_the_folder(registry: RegistryStore, tmp_path: Path, path: str, artifact: str) -> None:
    item = blob(registry, "model/fine", b"x")
    put(registry, tmp_path, [item], lambda document: rename(document, f"{artifact}/{path}"))
    assert refused(registry, tmp_path / "target") is None
    assert not list(tmp_path.rglob("*escaped*"))


def rename(document: dict[str, Any], title: str) -> None:
    document["layers"][0]["annotations"] = {TITLE: title, FILEPATH: title}


@pytest.mark.parametrize("path", [path for path in PATHS if "\0" not in path and "\ud800" not in path])
def test_no_member_of_a_tar_leaves_the_folder(registry: RegistryStore, tmp_path: Path, path: str) -> None:
    data = tar((f"model/{path}", b"x"))
    put(registry, tmp_path, [blob(registry, "model.tar", data)])
    error = refused(registry, tmp_path / "target")
    assert error is not None
    assert error.kind in ("bytes-differ", "unsafe-path")
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"5", b"6", b"g", b"L", b"K", b"S", b"\0"])
def test_links_devices_and_folders_in_a_tar_are_refused(registry: RegistryStore, tmp_path: Path, kind: bytes) -> None:
    head = bytearray(tarball.header("model/a", 1))
    head[156:157] = kind
    head[157 : 157 + 6] = b"/etc/x"
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:]))
    data = bytes(head) + b"x" + tarball.padding(1) + tarball.END
    put(registry, tmp_path, [blob(registry, "model.tar", data)])
    error = refused(registry, tmp_path / "target")
    assert error is not None
    assert error.kind == "bytes-differ"


def test_names_that_can_not_lie_side_by_side_are_refused_in_words(registry: RegistryStore, tmp_path: Path) -> None:
    for titles in (["model/a", "model/a/b"], ["model/a/b", "model/a"], [f"model/{'n' * 300}", "model/b"]):
        put(registry, tmp_path, [blob(registry, title, title.encode()) for title in titles])
        error = refused(registry, tmp_path / "target")
        assert error is not None
        assert error.kind == "unsafe-path"


def test_two_layers_of_one_name_are_no_release(registry: RegistryStore, tmp_path: Path) -> None:
    put(registry, tmp_path, [blob(registry, "model/a", b"1"), blob(registry, "model/a", b"2")])
    assert refused(registry, tmp_path / "target") is None


@pytest.mark.parametrize("size", [0, 1, 2999, 3001, 1 << 40])
@pytest.mark.parametrize("title", ["model/w", "model.tar"])
def test_sizes_that_lie_are_refused(registry: RegistryStore, tmp_path: Path, size: int, title: str) -> None:
    data = b"w" * 3000 if title == "model/w" else tar(("model/w", b"w" * 3000))
    put(registry, tmp_path, [blob(registry, title, data, size=size)])
    error = refused(registry, tmp_path / "target")
    assert error is not None
    assert error.kind == "bytes-differ"


@pytest.mark.parametrize("field", ["digest", "size"])
@pytest.mark.parametrize("value", [None, [], {}, "", "sha256:../../x", "sha512:" + "a" * 128, -1, True, 1.5])
@pytest.mark.parametrize("where", ["layer", "config", "record"])
def test_descriptors_that_are_none_are_no_release(
    plain_registry: str, registry: RegistryStore, tmp_path: Path, field: str, value: Any, where: str
) -> None:
    put(registry, tmp_path, [blob(registry, "model/w", b"w")])
    document = json.loads(registry.repository.fetch("1.0.0").data)
    chosen = {"layer": document["layers"][0], "config": document["config"], "record": document["layers"][-1]}[where]
    chosen[field] = value
    data = json.dumps(document).encode()
    answered(plain_registry, registry, data, tmp_path)


BOMBS = {
    "deep": b"[" * 100_000,
    "deep in layers": b'{"artifactType":"application/vnd.cncf.model.manifest.v1+json","layers":' + b"[" * 100_000,
    "long number": b'{"artifactType":' + b"9" * 100_000 + b"}",
    "a list": b"[]",
    "null": b"null",
    "not text": b"\xff\xfe",
    "empty": b"",
    "no layers": b'{"artifactType":"application/vnd.cncf.model.manifest.v1+json","layers":{}}',
    "odd layers": b'{"artifactType":"application/vnd.cncf.model.manifest.v1+json","layers":[1,null,"a",[]]}',
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_manifest_that_is_a_bomb_is_no_release(
    plain_registry: str, registry: RegistryStore, tmp_path: Path, name: str
) -> None:
    put(registry, tmp_path, [blob(registry, "model/w", b"w")])
    answered(plain_registry, registry, BOMBS[name], tmp_path)


def answered(host: str, registry: RegistryStore, data: bytes, tmp_path: Path) -> None:
    """A registry that stores anything answers with this for 1.0.0: it is no release, and no traceback."""
    with proxied(host) as proxy:
        store = at(f"oci://{proxy.address}/{registry.repository.client.address.path}")
        proxy.on("GET", "/manifests/", says(200, data, Content_Type=MANIFEST), times=99)
        assert store.find("1.0.0") is None
        assert store.releases() == []
        assert isinstance(store.problems(), list)
        with contextlib.suppress(ModelDevopsError):  # what others packed may be copied, what can't be read is refused
            join(LayoutStore(tmp_path / "joined"), store)
