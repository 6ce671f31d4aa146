"""Where stores lie (S1, S2, P6), with real repositories."""

from pathlib import Path
from typing import Any

import pytest

from model_devops.adapters.git import open_git
from model_devops.config.types import Artifacts, Model
from model_devops.errors import RefusedError, UsageError
from model_devops.release.joining import join_stores
from model_devops.release.layout import LayoutStore
from model_devops.release.location import SETTING, locate, open_store, slug
from model_devops.release.lookup import find_release
from model_devops.release.store import Stored
from release_samples import LAYOUT, built, record_for, some_sources
from repositories import git

MODEL = Model(name="digits", artifacts=Artifacts(model="model/"))


def opened(folder: Path, **settings: Any) -> LayoutStore:
    """The store as a verb in this folder finds it."""
    return open_store(MODEL, open_git(folder), settings.pop("store", None), folder=folder, **settings)


def fill(store: LayoutStore, work: Path, version: str = "1.0.0", salt: bytes = b"") -> Stored:
    """Put a release with evidence into a store."""
    sources = some_sources(work, salt)
    stored = store.name(store.put_files(sources, LAYOUT), record_for(sources, version))
    store.add_evidence(stored.digest, built())
    return stored


def versions(store: LayoutStore) -> list[str]:
    return [stored.version for stored in store.releases()]


def test_S1_all_clones_of_a_remote_share_one_store(bare_remote: Path, repo: Path, tmp_path: Path, home: Path) -> None:
    git("clone", "--quiet", str(bare_remote), str(tmp_path / "clone"), cwd=tmp_path)
    git("remote", "set-url", "origin", f"file://{bare_remote}", cwd=repo)
    first, second = opened(repo), opened(tmp_path / "clone")
    assert first.folder == second.folder
    assert first.folder.is_relative_to(home / "stores")
    assert first.folder.name == "digits"


@pytest.mark.parametrize(
    "url",
    ["git@example.org:team/x.git", "https://user:secret@example.org/team/x", "ssh://git@example.org:22/team/x.git"],
)
def test_S1_user_scheme_and_git_suffix_make_no_difference(repo: Path, url: str) -> None:
    git("remote", "add", "origin", url, cwd=repo)
    assert opened(repo).folder.parent.name == slug("example.org/team/x")


def test_S1_two_repositories_never_share_a_folder() -> None:
    assert len({slug(key) for key in ("a/b", "a-b", "A/B", "a/b/", "é", "è")}) == 6
    assert len(slug("x" * 5000)) < 100


def test_S1_without_a_remote_work_trees_share_the_clones_store(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "tree"), cwd=repo)
    assert opened(repo).folder == opened(tmp_path / "tree").folder


def test_S1_without_git_the_folder_is_the_key(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert opened(tmp_path).folder == opened(tmp_path / "link").folder


def test_S1_a_clone_that_was_moved_finds_its_store_again(repo: Path, tmp_path: Path) -> None:
    before = opened(repo)
    repo.rename(tmp_path / "moved")
    assert opened(tmp_path / "moved").folder == before.folder


def test_S1_a_remote_that_is_added_later_takes_the_store_along(repo: Path, tmp_path: Path) -> None:
    old = opened(repo)
    stored = fill(old, tmp_path / "work")
    git("remote", "add", "origin", "https://example.org/team/x.git", cwd=repo)
    new = opened(repo)
    assert new.folder != old.folder
    assert versions(new) == ["1.0.0"]
    assert new.verify(stored) == new.problems() == []
    assert not old.folder.exists()
    assert git("config", SETTING, cwd=repo) == "example.org/team/x"
    assert opened(repo).folder == new.folder


def test_S1_another_remote_gets_a_copy_because_other_clones_may_use_the_first(repo: Path, tmp_path: Path) -> None:
    git("remote", "add", "origin", "https://example.org/team/x.git", cwd=repo)
    old = opened(repo)
    fill(old, tmp_path / "work")
    git("remote", "set-url", "origin", "https://elsewhere.org/team/x.git", cwd=repo)
    assert versions(opened(repo)) == versions(old) == ["1.0.0"]


def test_S1_the_store_is_taken_along_where_only_an_empty_one_is_in_the_way(repo: Path, tmp_path: Path) -> None:
    fill(opened(repo), tmp_path / "work")
    git("remote", "add", "origin", "https://example.org/team/x.git", cwd=repo)
    place = locate(MODEL, open_git(repo), None, folder=repo)
    place.store(MODEL.name).prepare()
    assert versions(opened(repo)) == ["1.0.0"]
    assert opened(repo).folder == place.store(MODEL.name).folder


def two_stores(
    repo: Path, tmp_path: Path, salt: bytes = b"", version: str = "2.0.0"
) -> tuple[LayoutStore, LayoutStore]:
    """A clone with releases of its own, whose new remote has a store with others."""
    old = opened(repo)
    fill(old, tmp_path / "old")
    git("remote", "add", "origin", "https://example.org/team/x.git", cwd=repo)
    place = locate(MODEL, open_git(repo), None, folder=repo)
    fill(place.store(MODEL.name), tmp_path / "new", version, salt)
    return old, place.store(MODEL.name)


def test_S1_two_stores_are_never_mixed_silently_and_can_be_joined(repo: Path, tmp_path: Path) -> None:
    old, new = two_stores(repo, tmp_path)
    with pytest.raises(UsageError) as refused:
        opened(repo)
    assert f"model-devops store join {old.folder.parent}" in str(refused.value.hint)
    place = locate(MODEL, open_git(repo), None, folder=repo)
    assert len(join_stores(place, MODEL, old.folder.parent)) == 2
    assert join_stores(place, MODEL, old.folder.parent) == [], "joining again takes nothing more"
    assert versions(new) == ["1.0.0", "2.0.0"]
    assert len(new.evidence()) == 2
    assert all(new.verify(stored) == [] for stored in new.releases())
    assert new.problems() == []


def test_V6_stores_that_disagree_about_a_version_are_not_joined(repo: Path, tmp_path: Path) -> None:
    old, new = two_stores(repo, tmp_path, salt=b"!", version="1.0.0")
    before = new.evidence()
    with pytest.raises(RefusedError) as refused:
        join_stores(locate(MODEL, open_git(repo), None, folder=repo), MODEL, old.folder)
    assert refused.value.kind == "other-content"
    assert "1.0.0" in refused.value.message
    assert new.evidence() == before


@pytest.mark.parametrize(("salt", "same"), [(b"", True), (b"!", False)])
def test_V6_a_prerelease_in_both_is_the_same_one_only_with_its_identity(
    repo: Path, tmp_path: Path, salt: bytes, same: bool
) -> None:
    stores = [LayoutStore(tmp_path / name / MODEL.name) for name in ("mine", "theirs")]
    for store, content in zip(stores, (b"", salt), strict=True):
        sources = some_sources(tmp_path / f"work {store.folder.parent.name}", content)
        record = record_for(sources, "1.1.0-pr1.g1", build_id=store.folder.parent.name)
        store.name(store.put_files(sources, LAYOUT), record)
    place = locate(MODEL, open_git(repo), str(stores[0].folder.parent), folder=repo)
    before = stores[0].releases()[0].digest
    if same:
        assert join_stores(place, MODEL, stores[1].folder) == []
    else:
        with pytest.raises(RefusedError) as refused:
            join_stores(place, MODEL, stores[1].folder)
        assert refused.value.kind == "other-content"
    assert [release.digest for release in LayoutStore(stores[0].folder).releases()] == [before]


def test_joining_what_is_no_store_or_the_same_one_is_refused(repo: Path, tmp_path: Path) -> None:
    store = opened(repo)
    fill(store, tmp_path / "work")
    place = locate(MODEL, open_git(repo), None, folder=repo)
    for folder in (tmp_path / "work", store.folder):
        with pytest.raises(UsageError):
            join_stores(place, MODEL, folder)


def test_S1_a_named_folder_is_relative_to_model_yaml(repo: Path, tmp_path: Path) -> None:
    assert opened(repo, store="../shared").folder.resolve() == (tmp_path / "shared" / "digits").resolve()
    assert opened(repo, store=str(tmp_path / "x")).folder == tmp_path / "x" / "digits"
    assert SETTING not in git("config", "--list", cwd=repo)


def test_S1_what_is_neither_a_folder_nor_a_registry_is_refused(repo: Path) -> None:
    with pytest.raises(UsageError, match="neither a folder nor a registry") as refused:
        opened(repo, store="s3://bucket/models")
    assert refused.value.kind == "store-not-supported"


@pytest.mark.parametrize("home_is", ["none", "a file"])
def test_S1_without_a_writable_home_the_store_is_beside_git_with_a_warning(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: list[str], home_is: str
) -> None:
    home = tmp_path / "file" / "home"
    problem = f"{home} can't be written to (Not a directory; MODEL_DEVOPS_HOME names another)"
    if home_is == "none":
        problem = "there is no home (HOME, or MODEL_DEVOPS_HOME)"
        monkeypatch.delenv("MODEL_DEVOPS_HOME")
        monkeypatch.setenv("HOME", "relative")
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("MODEL_DEVOPS_HOME", str(home))
    store = opened(repo)
    assert store.folder.is_relative_to(repo / ".git" / "model-devops")
    beside = repo / ".git" / "model-devops"
    kept = f"{problem}: releases are kept in {beside}, with this clone only"
    assert warned == [kept]
    fill(store, tmp_path / "work")
    assert versions(opened(repo)) == ["1.0.0"]


def test_P6_builds_of_forks_have_a_store_in_their_workspace_whatever_is_named(repo: Path, tmp_path: Path) -> None:
    store = opened(repo, store=str(tmp_path / "shared"), fork=True)
    assert store.folder.is_relative_to(repo)
    fill(store, tmp_path / "work")
    assert git("status", "--porcelain", cwd=repo) == ""


def test_S2_a_missing_release_is_said_with_the_place_and_a_way(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "store")
    with pytest.raises(RefusedError) as refused:
        find_release(store, "digits", "1.4.2")
    assert refused.value.kind == "not-in-store"
    assert str(tmp_path / "store") in refused.value.message
    assert "store:" in str(refused.value.hint)


@pytest.mark.parametrize("reference", ["1.0.0", "v1.0.0", "digits@v1.0.0"])
def test_a_release_is_found_by_what_people_write(tmp_path: Path, reference: str) -> None:
    store = LayoutStore(tmp_path / "store")
    assert find_release(store, "digits", reference if fill(store, tmp_path / "w") else "").version == "1.0.0"


def test_a_clone_whose_settings_can_not_be_written_still_has_its_store(repo: Path, tmp_path: Path) -> None:
    (repo / ".git" / "config.lock").touch()
    fill(opened(repo), tmp_path / "work")
    assert versions(opened(repo)) == ["1.0.0"]
