"""Putting back tags (V5)."""

from pathlib import Path

import pytest

from model_devops.release.layout import LayoutStore
from model_devops.release.store import Stored
from model_devops.versioning.claim import Won, claim
from model_devops.versioning.repair import Repaired, repair
from model_devops.versioning.tags import Tag, read_tags
from repositories import digest, git, opened, record


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "store")


@pytest.fixture
def release(repo: Path, store: LayoutStore, tmp_path: Path) -> Stored:
    (tmp_path / "file").write_text("bytes")
    packed = store.put_files({"model": {"file": tmp_path / "file"}}, {"model": ""})
    store.name(packed, record(opened(repo).head(), "1.1.0-pr1.g00000000"))
    return store.name(packed, record(opened(repo).head(), "1.0.0"))


def repaired(folder: Path, store: LayoutStore) -> Repaired:
    return repair(opened(folder), opened(folder).remote(), store, "digits")


def tags(folder: Path) -> list[Tag]:
    return read_tags(opened(folder), opened(folder).remote(), "digits")


def test_V5_deleted_tag_is_put_back_from_the_store(
    repo: Path, bare_remote: Path, store: LayoutStore, release: Stored
) -> None:
    found = opened(repo)
    assert isinstance(claim(found, found.remote(), release.record, release.digest), Won)
    for folder in (repo, bare_remote):
        git("tag", "--delete", "digits@v1.0.0", cwd=folder)
    assert repaired(repo, store).put_back == ["1.0.0"]
    [tag] = tags(repo)
    assert (tag.record, tag.release, tag.remote) == (release.record, release.digest, True)
    assert repaired(repo, store) == Repaired()


def test_V5_never_pushed_tag_is_pushed_as_it_is(
    repo: Path, tmp_path: Path, store: LayoutStore, release: Stored
) -> None:
    won = claim(opened(repo), None, release.record, release.digest)
    assert isinstance(won, Won)
    git("init", "--quiet", "--bare", str(tmp_path / "new.git"), cwd=tmp_path)
    git("remote", "add", "origin", str(tmp_path / "new.git"), cwd=repo)
    assert repaired(repo, store).put_back == ["1.0.0"]
    assert tags(repo)[0].claim == won.tag.claim


def test_V5_tag_is_put_back_without_a_remote(repo: Path, store: LayoutStore, release: Stored) -> None:
    assert repaired(repo, store).put_back == ["1.0.0"]
    assert git("tag", "--list", cwd=repo) == "digits@v1.0.0"


def test_V6_tag_of_other_content_is_told_and_never_replaced(repo: Path, store: LayoutStore, release: Stored) -> None:
    other = claim(opened(repo), None, record(opened(repo).head(), content="other"), digest("other"))
    found = repaired(repo, store)
    assert found.put_back == []
    assert len(found.problems) == 1
    assert tags(repo)[0].claim == other.tag.claim


def test_V5_commit_that_is_nowhere_is_told(repo: Path, store: LayoutStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("bytes")
    packed = store.put_files({"model": {"file": tmp_path / "file"}}, {"model": ""})
    store.name(packed, record("0123456789" * 4))
    found = repaired(repo, store)
    assert (found.put_back, len(found.problems)) == ([], 1)
    assert "fetch it first" in found.problems[0]
