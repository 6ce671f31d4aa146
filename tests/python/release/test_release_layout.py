"""The store in a folder: what goes in comes out, damage is found, nothing is ever half there."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from model_devops import progress
from model_devops.errors import RefusedError, UnreachableError, UsageError
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.store import Stored
from model_devops.release.transfer import export
from release_samples import LAYOUT, Sources, built, everywhere, record_for, reopened, some_sources, write_files

Put = Callable[..., Stored]


def blob(store: LayoutStore, data: bytes) -> Path:
    """Where the blob with these bytes lies, writable."""
    import hashlib

    path = store.folder / "blobs" / "sha256" / hashlib.sha256(data).hexdigest()
    path.chmod(0o644)
    return path


def damage(path: Path) -> None:
    """Flip a byte: of a tar layer the first one of the first file's content, which only the hash can tell."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[512 if path.stat().st_size > 5000 else 0] ^= 1
    path.write_bytes(data)


def same(folder: Path, sources: Sources, layout: dict[str, str]) -> bool:
    """Whether `folder` holds exactly the bytes of the sources."""
    expected = {
        os.path.normpath(f"{layout[name]}/{path}"): file.read_bytes()
        for name, files in sources.items()
        for path, file in files.items()
    }
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return found == {name.lstrip("/"): data for name, data in expected.items()}


@everywhere
def test_what_was_stored_is_found_by_version_and_by_digest_and_put_in_place(
    store: OciStore, put: Put, sources: Sources, tmp_path: Path
) -> None:
    stored = put("1.0.0")
    other = reopened(store)
    for reference in ("1.0.0", stored.digest):
        found = other.find(reference)
        assert found is not None
        assert found.record == record_for(sources)
    assert other.find("1.0.1") is None
    other.materialise(stored, tmp_path / "out")
    assert same(tmp_path / "out", sources, LAYOUT)
    assert other.has_bytes(stored)
    assert other.verify(stored) == []
    assert other.problems() == []


def test_many_small_files_go_into_one_blob_and_come_back(store: LayoutStore, put: Put, tmp_path: Path) -> None:
    files = {f"{number % 7}/größe {number}": b"%d" % number * (number % 50) for number in range(3000)}
    sources = {"dataset": write_files(tmp_path / "many", files)}
    stored = put(files=sources)
    assert len(list((store.folder / "blobs" / "sha256").iterdir())) < 10
    store.materialise(stored, tmp_path / "out")
    assert same(tmp_path / "out", sources, LAYOUT)
    assert store.files(stored, "dataset") == store.packed(stored).files["dataset"]
    assert store.read_file(stored, "dataset", "3/größe 3") == b"333"
    assert store.verify(stored) == []


@everywhere
def test_releases_are_in_the_order_of_semver(store: OciStore, put: Put, tmp_path: Path) -> None:
    wanted = ["1.0.0-pr1.2", "1.0.0-pr1.10", "1.0.0", "1.2.0", "1.10.0"]
    for version in reversed(wanted):
        put(version)
    assert [stored.version for stored in store.releases()] == wanted


@everywhere
def test_storing_and_naming_twice_changes_nothing(store: OciStore, put: Put, sources: Sources) -> None:
    first = put("1.0.0")
    tags = store.repository.listing().tags()
    again = store.name(store.put_files(sources, LAYOUT), record_for(sources))
    assert again.digest == first.digest
    assert store.repository.listing().tags() == tags


@everywhere
def test_V6_a_version_with_other_content_is_refused(store: OciStore, put: Put, tmp_path: Path) -> None:
    first = put("1.0.0")
    with pytest.raises(RefusedError) as refused:
        put("1.0.0", some_sources(tmp_path / "other", b"!"))
    assert refused.value.kind == "other-content"
    with pytest.raises(RefusedError):
        put("1.0.0", build_id="another build of the same bytes")
    assert store.find("1.0.0").digest == first.digest  # type: ignore[union-attr]


@everywhere
def test_V6_for_a_prerelease_content_means_identity(store: OciStore, put: Put, tmp_path: Path) -> None:
    first = put("1.0.0-pr1.g1")
    record = record_for(some_sources(tmp_path / "work"), "1.0.0-pr1.g1", build_id="another")
    again = store.name(store.packed(first), record)
    assert again.digest == first.digest
    assert again.record.origin.build_id == "build-1"
    with pytest.raises(RefusedError):
        put("1.0.0-pr1.g1", some_sources(tmp_path / "other", b"!"))


@everywhere
def test_V4_another_store_comes_to_the_same_release_from_bytes_and_record(
    put: Put, sources: Sources, tmp_path: Path
) -> None:
    other = LayoutStore(tmp_path / "other")
    packed = other.put_files(sources, LAYOUT)
    assert other.name(packed, record_for(sources)).digest == put("1.0.0").digest


@everywhere
def test_known_bytes_are_not_read_again(store: OciStore, sources: Sources, tmp_path: Path) -> None:
    packed = store.put_files(sources, LAYOUT)
    gone = {name: dict.fromkeys(files, tmp_path / "not there") for name, files in sources.items()}
    assert store.put_files(gone, LAYOUT, known=packed.files).layers == packed.layers


@everywhere
def test_a_file_that_is_not_what_was_hashed_is_refused(store: OciStore, sources: Sources) -> None:
    known = {"model": {"weights.bin": ("0" * 64, 3000)}}
    with pytest.raises(RefusedError) as refused:
        store.put_files(sources, LAYOUT, known=known)
    assert refused.value.kind == "changed"
    assert "weights.bin" in refused.value.message


@pytest.mark.parametrize("count", [1, 100])
def test_a_file_that_changes_while_it_is_read_is_refused(
    store: LayoutStore, tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_files(
        tmp_path / "data", {f"{number}": b"x" * (2 << 20 if count == 1 else 9) for number in range(count)}
    )

    def touch(_: int) -> None:
        with open(files["0"], "ab") as stream:
            stream.write(b"more")

    monkeypatch.setattr(progress, "_watchers", [lambda *_: contextlib.nullcontext(touch)])
    with pytest.raises(RefusedError) as refused:
        store.put_files({"dataset": files}, LAYOUT)
    assert refused.value.kind == "changed"
    assert list((store.folder / "blobs" / "sha256").glob(".tmp-*")) == []


@pytest.mark.parametrize("what", ["changed", "missing"])
@pytest.mark.parametrize("many", [False, True])
def test_damaged_bytes_are_found_and_never_put_in_place(
    store: LayoutStore, put: Put, tmp_path: Path, what: str, many: bool
) -> None:
    count = 100 if many else 1
    sources = {"dataset": write_files(tmp_path / "data", {f"{number}": b"%d" % number for number in range(count)})}
    stored = put(files=sources)
    name = "dataset.tar" if many else "dataset/0"
    layer = store.packed(stored).layers[0]
    path = store.blobs.path(layer["digest"])
    damage(path) if what == "changed" else path.unlink()
    (finding,) = LayoutStore(store.folder).verify(stored)
    assert finding.startswith(name)
    with pytest.raises(RefusedError) as refused:
        store.materialise(stored, tmp_path / "out")
    assert refused.value.kind == ("bytes-differ" if what == "changed" else "bytes-gone")
    assert not (tmp_path / "out").exists()
    assert store.has_bytes(stored) is (what == "changed")
    store.put_files(sources, LAYOUT)
    assert store.verify(stored) == [], "storing the same bytes again heals"


@pytest.mark.parametrize("what", ["manifest", "record", "config"])
def test_a_damaged_document_is_found_and_healed_by_naming_again(
    store: LayoutStore, put: Put, sources: Sources, what: str
) -> None:
    stored = put("1.0.0")
    manifest = json.loads(store.blobs.read(stored.digest))
    digest = {
        "manifest": stored.digest,
        "config": manifest["config"]["digest"],
        "record": manifest["layers"][-1]["digest"],
    }[what]
    damage(store.blobs.path(digest))
    fresh = LayoutStore(store.folder)
    assert fresh.verify(stored) or fresh.problems()
    if what != "config":
        assert fresh.releases() == []
        with pytest.raises(RefusedError):
            fresh.find("1.0.0")
    fresh.name(fresh.put_files(sources, LAYOUT), record_for(sources))
    healed = LayoutStore(store.folder)
    assert healed.verify(stored) == healed.problems() == []


def test_an_index_entry_without_its_blob_is_reported_and_left_out(store: LayoutStore, put: Put) -> None:
    gone, kept = put("1.0.0"), put("1.0.1")
    store.blobs.path(gone.digest).unlink()
    fresh = LayoutStore(store.folder)
    assert [stored.version for stored in fresh.releases()] == [kept.version]
    (problem,) = fresh.problems()
    assert problem.startswith("1.0.0: ")
    assert "missing" in problem


@everywhere
def test_C1_files_that_are_not_those_of_the_identity_are_found(
    store: OciStore, sources: Sources, tmp_path: Path
) -> None:
    packed = store.put_files(sources, LAYOUT)
    lying = record_for(some_sources(tmp_path / "other", b"!"))
    assert [finding.partition(":")[0] for finding in store.verify(store.name(packed, lying))] == ["model"]


@everywhere
def test_files_that_are_there_are_replaced_and_others_stay(put: Put, store: OciStore, tmp_path: Path) -> None:
    stored = put()
    out = tmp_path / "out"
    write_files(out, {"model/weights.bin": b"old", "model/own.txt": b"mine"})
    store.materialise(stored, out, ("model",))
    assert (out / "model/weights.bin").read_bytes() == b"w" * 3000
    assert (out / "model/own.txt").read_bytes() == b"mine"
    assert not (out / "train.py").exists()
    assert sorted(entry.name for entry in out.iterdir()) == ["model"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_C2_nothing_is_written_through_a_link(put: Put, store: LayoutStore, tmp_path: Path, kind: str) -> None:
    stored = put()
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (out / "model").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "weights.bin").write_bytes(b"precious")
    if kind == "folder":
        (out / "model").rmdir()
        (out / "model").symlink_to(elsewhere)
        with pytest.raises(RefusedError) as refused:
            store.materialise(stored, out)
        assert refused.value.kind == "unsafe-path"
        assert "it is no folder but a symbolic link" in refused.value.message
    else:
        (out / "model" / "weights.bin").symlink_to(elsewhere / "weights.bin")
        store.materialise(stored, out)
        assert not (out / "model" / "weights.bin").is_symlink()
    assert (elsewhere / "weights.bin").read_bytes() == b"precious"


@everywhere
def test_a_file_of_two_artifacts_is_that_of_the_later_one(store: OciStore, tmp_path: Path) -> None:
    sources = {
        "code": write_files(tmp_path / "a", {"requirements.txt": b"as written"}),
        "runtime": write_files(tmp_path / "b", {"requirements.txt": b"resolved"}),
    }
    layout = {"code": "", "runtime": ""}
    stored = store.name(store.put_files(sources, layout), record_for(sources, layout=layout))
    for _ in range(2):
        store.materialise(stored, tmp_path / "out")
        assert (tmp_path / "out" / "requirements.txt").read_bytes() == b"resolved"


@everywhere
def test_an_export_is_a_store_of_its_own_with_the_evidence(put: Put, store: OciStore, tmp_path: Path) -> None:
    stored = put("1.0.0")
    put("1.0.1")
    export(store, stored, tmp_path / "export")
    exported = LayoutStore(tmp_path / "export")
    assert stat.S_IMODE((tmp_path / "export").stat().st_mode) == 0o755, "others may read it"
    assert [release.version for release in exported.releases()] == ["1.0.0"]
    assert exported.evidence() == store.evidence(stored.digest)
    assert exported.verify(stored) == exported.problems() == []
    with pytest.raises(UsageError):
        export(store, stored, tmp_path / "export")


def test_an_export_of_damaged_bytes_leaves_nothing(put: Put, store: LayoutStore, tmp_path: Path) -> None:
    stored = put()
    damage(blob(store, b"w" * 3000))
    with pytest.raises(RefusedError):
        export(store, stored, tmp_path / "sub" / "export")
    assert list((tmp_path / "sub").iterdir()) == []


def test_old_leftovers_go_with_the_next_write_and_young_ones_stay(
    store: LayoutStore, put: Put, sources: Sources
) -> None:
    put()
    old, young = (".tmp-1-old", ".tmp-old"), (".tmp-1-young", ".tmp-young")
    for blob, beside in (old, young):
        for path in (store.blobs.folder / blob, store.folder / beside):
            path.write_bytes(b"half")
            if "old" in path.name:
                os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    LayoutStore(store.folder).put_files(sources, LAYOUT)
    assert sorted(path.name for path in store.folder.rglob(".tmp-*")) == sorted(young)


@pytest.mark.parametrize("act", ["materialise", "export"])
def test_what_a_killed_copy_left_goes_with_the_next_one_and_nobody_elses_folder(
    store: LayoutStore, put: Put, tmp_path: Path, act: str
) -> None:
    stored, beside = put(), tmp_path / "beside"
    for name in (".model-devops-tmp-left", ".model-devops-mine", ".model-devops"):
        write_files(beside / name, {"part/of.bin": b"half"})
        os.utime(beside / name, (time.time() - 2 * 24 * 3600,) * 2)
    if act == "materialise":
        store.materialise(stored, beside / "out")
    else:
        export(store, stored, beside / "out")
    assert sorted(path.name for path in beside.iterdir()) == [".model-devops", ".model-devops-mine", "out"]


def test_other_models_and_indexes_in_the_layout_are_passed_over(store: LayoutStore, put: Put) -> None:
    stored = put()
    foreign = json.dumps({"schemaVersion": 2, "artifactType": "application/vnd.example", "layers": []}).encode()
    digest = store.blobs.put(foreign)
    index = json.loads((store.folder / "index.json").read_text())
    for annotations in ({}, {"org.opencontainers.image.ref.name": "latest"}):
        entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": len(foreign)}
        index["manifests"].append(entry | {"annotations": annotations})
    (store.folder / "index.json").write_text(json.dumps(index))
    fresh = LayoutStore(store.folder)
    assert [release.digest for release in fresh.releases()] == [stored.digest]
    assert fresh.find("latest") is None
    assert len(fresh.evidence()) == 1
    assert fresh.problems() == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "\xff", "[" * 100_000, '{"manifests": 1}', '{"manifests": [1]}', '{"manifests": ["digest"]}'),
        '{"manifests": [{"digest": 1}]}',
        '{"manifests": [{"digest": 1, "mediaType": 2}]}',
        '{"manifests": [{"digest": "a", "mediaType": "b", "annotations": [1]}]}',
        '{"manifests": [{"digest": "a", "mediaType": "b", "artifactType": {}}]}',
    ],
    ids=lambda text: text[-40:],
)
def test_S4_a_garbled_index_is_said_and_not_overwritten(store: LayoutStore, put: Put, text: str) -> None:
    stored = put()
    (store.folder / "index.json").write_text(text)
    for action in (store.releases, store.evidence, lambda: store.add_evidence(stored.digest, built())):
        with pytest.raises(UnreachableError) as refused:
            action()
        assert refused.value.kind == "damaged"
    assert (store.folder / "index.json").read_text() == text


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with open(big, "wb") as stream:
        stream.truncate(200 << 20)
    script = """
import re, sys
from pathlib import Path
from release_samples import record_for
from model_devops.release.layout import LayoutStore
store, big = LayoutStore(Path(sys.argv[1])), Path(sys.argv[2])
store.put_files({"model": {"big": big}}, {"model": ""})
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])  # ru_maxrss would count the parent
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path / "store"), str(big)]
    peak = int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert peak < 100_000, "kilobytes"
