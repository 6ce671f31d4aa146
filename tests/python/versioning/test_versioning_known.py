"""Finals known from tags and store together, and the base among them (B4, V1, V4)."""

from pathlib import Path

import pytest

from model_devops.release.evidence import Built
from model_devops.release.layout import LayoutStore
from model_devops.release.record import Record
from model_devops.release.store import Stored
from model_devops.versioning.claim import Won, claim
from model_devops.versioning.known import Known, known
from repositories import digest, git, opened, record


def nothing_passed(_: str) -> bool:
    return False


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "store")


def stored(store: LayoutStore, tmp_path: Path, release: Record) -> Stored:
    file = tmp_path / f"{release.version}.bin"
    file.write_text(release.version)
    return store.name(store.put_files({"model": {"file": file}}, {"model": ""}), release)


def claimed(folder: Path, release: Record, release_digest: str) -> None:
    found = opened(folder)
    assert isinstance(claim(found, found.remote(), release, release_digest), Won)


def known_in(folder: Path, store: LayoutStore | None = None) -> Known:
    return known(opened(folder), opened(folder).remote(), "digits", store)


def test_nothing_is_known_at_first(repo: Path, store: LayoutStore) -> None:
    found = known_in(repo, store)
    assert (found.highest, found.base(nothing_passed), found.down_to_base(nothing_passed)) == (None, None, [])


def test_V4_tags_suffice_without_a_store(repo: Path) -> None:
    head = opened(repo).head()
    claimed(repo, record(head, "1.0.0"), digest("one"))
    [final] = known_in(repo).finals
    assert (final.record, final.digest, final.commit, final.stored) == (
        record(head, "1.0.0"),
        digest("one"),
        head,
        None,
    )


def test_V1_highest_counts_tags_and_store_burnt_and_foreign_alike(
    repo: Path, store: LayoutStore, tmp_path: Path
) -> None:
    head = opened(repo).head()
    claimed(repo, record(head, "1.0.0"), digest("one"))
    assert known_in(repo, store).highest == "1.0.0"
    stored(store, tmp_path, record(head, "1.1.0"))
    assert known_in(repo, store).highest == "1.1.0"
    git("tag", "digits@v3.0.0", cwd=repo)
    found = known_in(repo, store)
    assert found.highest == "3.0.0"
    assert found.base(nothing_passed).version == "1.1.0"


def test_V1_number_of_a_deleted_tag_is_never_given_again(
    repo: Path, bare_remote: Path, store: LayoutStore, tmp_path: Path
) -> None:
    head = opened(repo).head()
    release = stored(store, tmp_path, record(head, "1.0.0"))
    claimed(repo, release.record, release.digest)
    for folder in (repo, bare_remote):
        git("tag", "--delete", "digits@v1.0.0", cwd=folder)
    assert known_in(repo, store).highest == "1.0.0"


def test_pre_releases_have_no_number(repo: Path, store: LayoutStore, tmp_path: Path) -> None:
    stored(store, tmp_path, record(opened(repo).head(), "9.0.0-pr1.g12345678"))
    assert known_in(repo, store).finals == []


def test_tag_and_store_of_one_version_are_one_release(repo: Path, store: LayoutStore, tmp_path: Path) -> None:
    release = stored(store, tmp_path, record(opened(repo).head(), "1.0.0"))
    claimed(repo, release.record, release.digest)
    [final] = known_in(repo, store).finals
    assert final.tag is not None
    assert final.stored is not None


def test_V6_what_the_store_holds_is_not_the_release_that_the_tag_claims_for_something_else(
    repo: Path, store: LayoutStore, tmp_path: Path
) -> None:
    head = opened(repo).head()
    stored(store, tmp_path, record(head, "1.0.0", "mine"))
    claimed(repo, record(head, "1.0.0", "theirs"), digest("theirs"))
    [final] = known_in(repo, store).finals
    assert (final.stored, final.digest) == (None, digest("theirs"))


def test_B4_base_is_the_highest_that_passed_or_where_none_did_the_highest_of_all(repo: Path) -> None:
    head = opened(repo).head()
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        claimed(repo, record(head, version), digest(version))
    found = known_in(repo)
    passed = {digest("1.0.0"), digest("1.1.0")}
    assert found.base(passed.__contains__).version == "1.1.0"
    assert [final.version for final in found.down_to_base(passed.__contains__)] == ["1.3.0", "1.2.0", "1.1.0"]
    assert [final.version for final in found.down_to_base(nothing_passed)] == ["1.3.0"]


def test_B7_commits_are_those_of_tags_and_of_built_evidence(repo: Path, store: LayoutStore, tmp_path: Path) -> None:
    head = opened(repo).head()
    release = stored(store, tmp_path, record(head, "1.0.0"))
    store.add_evidence(release.digest, Built(id="1", time="2026-01-01T00:00:00Z", commit="c0ffee"))
    assert set(known_in(repo, store).by_commit) == {head, "c0ffee"}
