"""Packing format 1: the same bytes everywhere, readable by anybody's tar, and nothing else accepted."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.errors import RefusedError
from model_devops.release import packing, tarball
from model_devops.release.layout import LayoutStore
from release_samples import LAYOUT, record_for, some_sources, write_files

PART = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1)
NAMES = st.lists(PART.filter(lambda part: part not in (".", "..")), min_size=1, max_size=20).map("/".join)


@given(NAMES, st.integers(0, 2**30))
def test_every_name_and_size_is_read_back(name: str, size: int) -> None:
    header = io.BytesIO(tarball.header(name, size))
    assert next(tarball.members(header.read)) == (name, size)


@given(st.dictionaries(NAMES, st.binary(max_size=2000), max_size=5))
def test_another_reader_of_tar_finds_the_same_files(files: dict[str, bytes]) -> None:
    data = b"".join(
        tarball.header(name, len(content)) + content + tarball.padding(len(content)) for name, content in files.items()
    )
    with tarfile.open(fileobj=io.BytesIO(data + tarball.END)) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert found == files


def test_an_ascii_header_is_what_pythons_tarfile_writes() -> None:
    info = tarfile.TarInfo("model/a.bin")
    info.size, info.mode, info.mtime = 1234, 0o644, 0
    assert tarball.header("model/a.bin", 1234) == info.tobuf(tarfile.USTAR_FORMAT)


@given(st.binary(max_size=3000))
def test_garbage_is_no_tar_and_never_a_crash(data: bytes) -> None:
    stream = io.BytesIO(data)
    with pytest.raises(tarball.TarError):
        sum(len(stream.read(member.size)) for member in tarball.members(stream.read))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_C2_only_regular_files_are_taken_from_a_tar(kind: bytes) -> None:
    info = tarfile.TarInfo("dataset/x")
    info.type, info.linkname, info.mode, info.mtime = kind, "/etc/passwd" if kind != tarfile.DIRTYPE else "", 0o644, 0
    with pytest.raises(tarball.TarError):
        next(tarball.members(io.BytesIO(info.tobuf(tarfile.USTAR_FORMAT) + tarball.END).read))


def test_few_files_have_a_layer_each_and_of_many_only_the_big_ones() -> None:
    few = {f"{number}": 1 for number in range(64)}
    assert packing.own_layers(few) == set(few)
    assert packing.own_layers({**few, "big": 1 << 20, "small": (1 << 20) - 1}) == {"big"}
    many = {f"{number}": 1 << 20 for number in range(1001)}
    assert packing.own_layers(many) == set()
    assert packing.own_layers({**many, "huge": 1 << 30}) == {"huge"}


def test_B2_the_release_digest_does_not_depend_on_store_order_or_known_hashes(tmp_path: Path) -> None:
    sources = some_sources(tmp_path / "a")
    sources["dataset"] |= write_files(tmp_path / "a" / "data", {f"many/{n}": b"%d" % n for n in range(100)})
    record = record_for(sources)
    first = LayoutStore(tmp_path / "one")
    packed = first.put_files(sources, LAYOUT)
    backwards = {name: dict(reversed(files.items())) for name, files in reversed(sources.items())}
    second = LayoutStore(tmp_path / "two")
    again = second.put_files(backwards, LAYOUT, known=packed.files)
    assert first.describe(packed, record) == second.describe(again, record)
    digest, manifest = first.describe(packed, record)
    assert digest == "sha256:" + hashlib.sha256(manifest).hexdigest()
    stored = second.name(again, record)
    assert second.describe(second.packed(stored), record)[0] == stored.digest == digest


def test_the_published_example_still_comes_to_its_digest(tmp_path: Path) -> None:
    """docs/formats.md prints this digest for other implementations: it must never change."""
    files = {f"f{number:03}.txt": b"%d\n" % number for number in range(65)} | {"größe.txt": b"x"}
    sources = {
        "model": write_files(tmp_path, {"weights.bin": b"weights\n"}),
        "dataset": write_files(tmp_path / "data", files),
    }
    packed = LayoutStore(tmp_path / "store").put_files(sources, {"model": "", "dataset": "data"})
    tar = packed.layers[-1]
    assert tar["annotations"][packing.TITLE] == "dataset.tar"
    assert tar["digest"] == "sha256:05c4c0df9ea8ac1027db4bc90868e0e05df4be3ecdb907835eb92740c82635c9"
    record = record_for(sources, layout={"model": "", "dataset": "data"})
    assert (
        LayoutStore(tmp_path / "store").describe(packed, record)[0]
        == "sha256:9bbc489878ea662dff9079b69a1143c08175558a8ceb6ec1546e962a1755e8e8"
    )


@pytest.mark.parametrize(
    "title", ["../x", "model/../../x", "/etc/passwd", "model//x", "model/.", "a\\b/../..", "x\n/y"]
)
def test_C2_a_manifest_can_not_name_a_path_outside(title: str) -> None:
    layer = packing.layer("application/octet-stream", title, "sha256:" + "0" * 64, 1)
    with pytest.raises(ValueError, match="unsafe"):
        packing.parse_layers([layer])


@pytest.mark.parametrize(("artifact", "folder"), [("model", "../up"), ("model", "a/../../b"), ("../model", "")])
def test_C2_what_could_not_be_put_in_place_is_not_stored(tmp_path: Path, artifact: str, folder: str) -> None:
    sources = {artifact: write_files(tmp_path, {"a": b"a"})}
    with pytest.raises(RefusedError) as refused:
        LayoutStore(tmp_path / "store").put_files(sources, {artifact: folder})
    assert refused.value.kind == "unsafe-path"
    assert not (tmp_path / "store").exists()
