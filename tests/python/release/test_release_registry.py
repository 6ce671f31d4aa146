"""A store in a registry, shared by clones that share nothing else (S1, S2, S4)."""

import hashlib
import itertools
import os
from pathlib import Path

import pytest

from fault_proxy import proxied, says
from mini_project import PYTHON, Mini, clone
from model_devops.adapters.registry.address import parse
from model_devops.errors import RefusedError, UnreachableError, UsageError
from model_devops.release.evidence import Revoked
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.registry.store import RegistryStore
from model_devops.release.transfer import copy_release
from registries import free_address
from release_samples import LAYOUT, built, record_for, some_sources, write_files

_numbers = itertools.count()
SERVE = f"serve:\n  command: {PYTHON} -m http.server $PORT\n  ready: /\n"


@pytest.fixture
def address(plain_registry: str) -> str:
    return f"oci://{plain_registry}/flow{next(_numbers)}"


def with_store(mini: Mini, address: str, more: str = "") -> Mini:
    text = (mini.folder / "model.yaml").read_text()
    mini.commit(**{"model.yaml": text.replace("name: mini\n", f"name: mini\nstore: {address}\n") + more})
    return mini


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def hashed(file: Path) -> tuple[str, int]:
    return hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size


def requests_of(store: OciStore) -> int:
    assert isinstance(store, RegistryStore)
    return store.repository.client.session.count


def test_S1_two_workspaces_share_releases_through_a_registry(
    mini: Mini, remote: Path, tmp_path: Path, address: str
) -> None:
    port = free_address().rpartition(":")[2]
    with_store(mini, address, f"{SERVE}environments:\n  test: {{target: local, port: {port}}}\n")
    mini.git("push", "-q", "origin", "main")
    here, there = ({"MODEL_DEVOPS_HOME": str(tmp_path / name)} for name in ("here", "there"))
    first = ok(mini.build(**here))
    other = clone(remote, tmp_path / "another workspace")
    again = ok(other.build(**there))
    assert again["release"] == first["release"]
    assert other.trainings == 0
    ok(other.run("test", **there))
    ok(other.run("deploy", "test", **there))
    shown = ok(mini.run("release", "show", "1.0.0", **here))
    assert [item["kind"] for item in shown["evidence"]] == ["built", "built", "tested", "decided", "deployed"]
    ok(other.run("stop", "test", "--reason", "end", **there))
    assert not list(tmp_path.glob("*/stores/*"))  # nothing is kept on the agents


def test_S2_a_store_without_the_release_is_named(mini: Mini, tmp_path: Path, address: str) -> None:
    with_store(mini, address)
    missing = mini.run("release", "show", "1.0.0")
    assert missing["code"] == 4
    assert f"{address}/mini has no release 1.0.0" in missing["error"]["message"]


def test_a_registry_that_is_away_is_said_before_anything_is_trained(
    mini: Mini,
) -> None:
    address = free_address()
    with_store(mini, f"oci://{address}/x")
    lost = mini.build()
    assert (lost["code"], lost["error"]["kind"]) == (8, "registry")
    assert f"{address} can't be reached (connection refused)" in lost["error"]["message"]
    assert mini.trainings == 0


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("oci://", "names no host"),
        ("oci://host.example", "the path may hold"),
        ("oci://host.example/Team", "the path may hold"),
        ("oci://user:secret@host.example/team", "holds a login"),
        ("https://host.example/team", "neither a folder nor a registry"),
    ],
)
def test_an_address_that_is_none_is_a_usage_error_without_its_secret(mini: Mini, store: str, words: str) -> None:
    refused = mini.run("store", "show", "--store", store)
    assert refused["code"] == 2
    assert words in refused["error"]["message"]
    assert "secret" not in str(refused)


def test_storing_again_asks_once_for_each_blob(tmp_path: Path, address: str) -> None:
    sources = some_sources(tmp_path)
    record = record_for(sources)
    known = {
        artifact: {
            path: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size) for path, file in files.items()
        }
        for artifact, files in sources.items()
    }

    def push() -> int:
        store = RegistryStore(parse(f"{address}/digits"))
        store.name(store.put_files(sources, LAYOUT, known=known), record)
        return requests_of(store)

    first, second = push(), push()
    blobs = len({entry for files in known.values() for entry in files.values()})
    assert second <= blobs + 9 < first  # one question a blob, and what naming needs


@pytest.mark.parametrize("kind", ["plain_registry", "referrers_registry"])
def test_a_second_push_of_an_unchanged_release_makes_three_requests(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """However many layers it has: what has the tag, which statements there are, and whether all is still there."""
    host = request.getfixturevalue(kind)
    for count in (1, 60):
        files = {"model": write_files(tmp_path / f"{count}", {f"{number}": b"%d" % number for number in range(count)})}
        folder = LayoutStore(tmp_path / f"folder{count}")
        release = folder.name(folder.put_files(files, {"model": ""}), record_for(files))
        folder.add_evidence(release.digest, built())
        address = f"again{next(_numbers)}/x"
        assert len(copy_release(folder, RegistryStore(parse(f"oci://{host}/{address}")), release)) == 2
        with proxied(host) as proxy:
            assert copy_release(folder, RegistryStore(parse(f"oci://{proxy.address}/{address}")), release) == []
        assert [f"{seen.method} {seen.path}" for seen in proxy.seen] == [
            f"GET /v2/{address}/manifests/1.0.0",
            f"GET /v2/{address}/tags/list?n=1000",
            f"PUT /v2/{address}/manifests/{release.digest}",
        ]


@pytest.mark.parametrize("taken", [True, False], ids=["looks", "takes no manifest twice"])
def test_a_second_push_completes_what_was_lost(tmp_path: Path, plain_registry: str, taken: bool) -> None:
    folder, sources = LayoutStore(tmp_path / "folder"), some_sources(tmp_path)
    release = folder.name(folder.put_files(sources, LAYOUT), record_for(sources))
    with proxied(plain_registry) as proxy:
        address = parse(f"oci://{proxy.address}/lost{next(_numbers)}/digits")
        copy_release(folder, RegistryStore(address), release)
        lost = f"sha256:{folder.files(release, 'model')['weights.bin'][0]}"
        client = RegistryStore(address).repository.client
        client.session.request("DELETE", f"/v2/{address.path}/blobs/{lost}", "", expected=[202])
        assert not RegistryStore(address).has_bytes(release)
        if not taken:
            proxy.on("PUT", f"manifests/{release.digest}", says(409))
        assert copy_release(folder, RegistryStore(address), release) == []
        assert RegistryStore(address).verify(release) == []


def test_a_version_that_is_only_listed_is_pushed(tmp_path: Path, plain_registry: str) -> None:
    """As after a clean-up that took the manifest: the list of tags is no word for what they name."""
    folder, sources = LayoutStore(tmp_path / "folder"), some_sources(tmp_path)
    release = folder.name(folder.put_files(sources, LAYOUT), record_for(sources))
    with proxied(plain_registry) as proxy:
        proxy.on("GET", "/tags/list", says(200, b'{"tags":["1.0.0"]}'))
        store = RegistryStore(parse(f"oci://{proxy.address}/listed{next(_numbers)}"))
        store.repository.client.session.pause = lambda _: None
        assert copy_release(folder, store, release) == ["1.0.0"]
        assert RegistryStore(store.repository.client.address).verify(release) == []


def test_who_may_no_longer_write_is_told_so_by_a_second_push(tmp_path: Path, plain_registry: str) -> None:
    folder, sources = LayoutStore(tmp_path / "folder"), some_sources(tmp_path)
    release = folder.name(folder.put_files(sources, LAYOUT), record_for(sources))
    with proxied(plain_registry) as proxy:
        address = parse(f"oci://{proxy.address}/denied{next(_numbers)}")
        copy_release(folder, RegistryStore(address), release)
        proxy.on("PUT", "manifests/", says(403))
        with pytest.raises(RefusedError) as raised:
            copy_release(folder, RegistryStore(address), release)
    assert raised.value.kind == "denied"


def test_a_file_that_changed_after_it_was_hashed_is_not_stored(tmp_path: Path, address: str) -> None:
    """Nobody here hashes it again; the registry does, and says so."""
    file = tmp_path / "weights"
    file.write_bytes(b"first")
    known, status = hashed(file), file.stat()
    file.write_bytes(b"other")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing had happened
    store = RegistryStore(parse(f"{address}/digits"))
    with pytest.raises(RefusedError, match="weights changed after it was hashed") as raised:
        store.put_files({"model": {"w": file}}, {"model": ""}, known={"model": {"w": known}})
    assert raised.value.kind == "changed"
    assert not store.blobs.has(f"sha256:{known[0]}", known[1])


def test_a_damaged_blob_is_not_copied_and_its_store_is_named(tmp_path: Path, address: str) -> None:
    folder, sources = LayoutStore(tmp_path / "folder"), some_sources(tmp_path)
    release = folder.name(folder.put_files(sources, LAYOUT), record_for(sources))
    digest, size = folder.files(release, "model")["weights.bin"]
    blob = folder.blobs.path(f"sha256:{digest}")
    blob.chmod(0o644)
    blob.write_bytes(b"x" * size)
    target = RegistryStore(parse(f"{address}/digits"))
    with pytest.raises(RefusedError, match=f"blob sha256:{digest} has other bytes in {folder.blobs.location}"):
        copy_release(folder, target, release)
    assert target.find("1.0.0") is None


def test_S4_a_statement_outlives_a_lost_fallback_index(tmp_path: Path, address: str) -> None:
    """Whoever overwrites the index that others read, hides nothing from us: each statement has its own tag."""
    store = RegistryStore(parse(f"{address}/digits"))
    sources = some_sources(tmp_path)
    release = store.name(store.put_files(sources, LAYOUT), record_for(sources)).digest
    store.add_evidence(release, built())
    index = store.repository.client.manifest(release.replace(":", "-"))
    assert index is not None
    store.add_evidence(release, Revoked(id="r", time="", reason="bad"))
    store.repository.client.put_manifest(release.replace(":", "-"), index.data, index.media_type)
    again = RegistryStore(parse(f"{address}/digits"))
    assert sorted(item.kind for item in again.evidence(release)) == ["built", "revoked"]


def test_S4_a_statement_that_lost_its_tag_is_found_by_the_index(tmp_path: Path, address: str) -> None:
    store = RegistryStore(parse(f"{address}/digits"))
    sources = some_sources(tmp_path)
    release = store.name(store.put_files(sources, LAYOUT), record_for(sources)).digest
    item = store.add_evidence(release, Revoked(id="r", time="", reason="bad"))
    other = store.add_evidence(release, built())
    tag = f"sha256-{release[7:]}.{item.digest[7:23]}"
    data = store.repository.manifest(other.digest)
    store.repository.client.put_manifest(tag, data)  # what a careless clean-up might do
    with pytest.raises(UnreachableError, match="which isn't that statement"):
        RegistryStore(parse(f"{address}/digits")).evidence(release)


def test_V6_of_two_writers_of_one_version_the_second_is_told(tmp_path: Path, address: str) -> None:
    stores = [RegistryStore(parse(f"{address}/digits")) for _ in range(2)]
    for number, store in enumerate(stores):
        sources = some_sources(tmp_path / str(number), salt=b"%d" % number)
        packed, record = store.put_files(sources, LAYOUT), record_for(sources)
        if number == 0:
            store.name(packed, record)
        else:
            with pytest.raises(RefusedError, match="with other content"):
                store.name(packed, record)


def test_a_path_that_registries_refuse_is_said_at_once() -> None:
    with pytest.raises(UsageError, match="the path may hold"):
        parse("oci://127.0.0.1:5000/a//b")
