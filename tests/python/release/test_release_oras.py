"""ORAS, an independent client, lists, pulls and discovers what lies in a store (S1, S3, S4)."""

import subprocess
from pathlib import Path

import pytest

from go_programs import ORAS, installed
from model_devops.release.evidence import Revoked
from model_devops.release.layout import LayoutStore
from release_samples import LAYOUT, built, record_for, some_sources, write_files

pytestmark = pytest.mark.timeout(900)  # the first run downloads and compiles


@pytest.fixture(scope="module")
def oras() -> str:
    """The client."""
    return installed(ORAS)


def run(oras: str, *arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run([oras, *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def filled(store: LayoutStore, tmp_path: Path) -> tuple[LayoutStore, str, dict[str, bytes]]:
    """A store with a release of raw and tar layers and three statements, and the files of its raw layers."""
    sources = some_sources(tmp_path / "work")
    expected = {f"{name}/{path}": file.read_bytes() for name, files in sources.items() for path, file in files.items()}
    expected = {name: data for name, data in expected.items() if not name.startswith("code/")}
    sources["code"] = write_files(tmp_path / "code", {f"{number} ü.py": b"%d" % number for number in range(100)})
    record = record_for(sources)
    stored = store.name(store.put_files(sources, LAYOUT), record)
    for body in (built(), built("again"), Revoked(id="r", time="", reason="x")):
        store.add_evidence(stored.digest, body)
    return store, stored.digest, expected | {"release.json": record.dumps()}


def test_oras_lists_versions_and_statements(oras: str, filled: tuple[LayoutStore, str, dict[str, bytes]]) -> None:
    store, release, _ = filled
    tags = run(oras, "repo", "tags", "--oci-layout", store.location).split()
    assert tags[0] == "1.0.0"
    statements = [f"sha256-{release[7:]}.{item.digest[7:23]}" for item in store.evidence()]
    assert sorted(tags[1:]) == sorted(statements)


def test_oras_pulls_what_was_stored(
    oras: str, filled: tuple[LayoutStore, str, dict[str, bytes]], tmp_path: Path
) -> None:
    store, _, expected = filled
    out = tmp_path / "pulled"
    run(oras, "pull", "--oci-layout", f"{store.location}:1.0.0", "--output", str(out))
    subprocess.run(["tar", "--extract", "--file", "code.tar"], cwd=out, check=True)
    found = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    code = {f"code/{number} ü.py": b"%d" % number for number in range(100)}
    del found["code.tar"]
    assert found == expected | code


def test_oras_discovers_the_evidence(oras: str, filled: tuple[LayoutStore, str, dict[str, bytes]]) -> None:
    store, release, _ = filled
    tree = run(oras, "discover", "--oci-layout", "--format", "tree", f"{store.location}@{release}")
    assert "application/vnd.in-toto+json" in tree
    for item in store.evidence():
        assert item.digest in tree
    assert "urn:model-devops:revoked:v1" in tree


def test_oras_copies_a_release_with_its_evidence_and_it_verifies(
    oras: str, filled: tuple[LayoutStore, str, dict[str, bytes]], tmp_path: Path
) -> None:
    store, release, _ = filled
    target = tmp_path / "copy"
    source = f"{store.location}:1.0.0"
    run(oras, "copy", "--recursive", "--from-oci-layout", source, "--to-oci-layout", f"{target}:1.0.0")
    copied = LayoutStore(target)
    stored = copied.find("1.0.0")
    assert stored is not None
    assert stored.digest == release
    assert copied.verify(stored) == copied.problems() == []
    assert {item.digest for item in copied.evidence(release)} == {item.digest for item in store.evidence()}


def test_what_oras_attaches_and_tags_does_no_harm(
    oras: str, filled: tuple[LayoutStore, str, dict[str, bytes]], tmp_path: Path
) -> None:
    store, release, _ = filled
    before = store.evidence()
    (tmp_path / "sbom.json").write_text("{}")
    attach = ["attach", "--artifact-type", "application/spdx+json", "--oci-layout", f"{store.location}:1.0.0"]
    run(oras, *attach, "sbom.json", cwd=tmp_path)
    run(oras, "tag", "--oci-layout", f"{store.location}:1.0.0", "latest")
    fresh = LayoutStore(store.folder)
    assert {item.digest for item in fresh.evidence()} == {item.digest for item in before}
    assert [item.body.id for item in fresh.evidence(kind="built")] == ["build-1", "again"]
    assert [stored.digest for stored in fresh.releases()] == [release]
    assert fresh.problems() == []
    fresh.add_evidence(release, built("after"))
    assert "spdx" in run(oras, "discover", "--oci-layout", f"{store.location}:1.0.0")
