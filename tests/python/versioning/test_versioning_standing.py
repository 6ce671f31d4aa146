"""Who may claim a version (B6), and who comes too late for it (B7)."""

from dataclasses import replace
from pathlib import Path

import pytest

from model_devops.adapters.ci import Build
from model_devops.errors import UnreachableError, UsageError
from model_devops.versioning.claim import Won, claim
from model_devops.versioning.known import Known, known
from model_devops.versioning.standing import Late, Standing, late, standing, superseded
from repositories import commit, digest, git, opened, record

NO_CI = Build(ci="none", id="1")
JENKINS = Build(ci="jenkins", id="2", url="https://ci/1")


def of(folder: Path, build: Build = NO_CI, release_branch: str | None = None, **more: bool) -> Standing:
    return standing(opened(folder), build, lambda _: release_branch, **more)


def test_B6_without_a_repository_nothing_is_claimed() -> None:
    assert not standing(None, NO_CI).claims


def test_B6_without_a_commit_nothing_is_claimed(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    assert not of(tmp_path).claims


def test_B6_without_a_remote_the_branch_that_head_is_on_claims(repo: Path) -> None:
    git("checkout", "--quiet", "-b", "anything", cwd=repo)
    found = of(repo)
    assert (found.claims, found.release_branch, found.branch) == (True, "anything", "anything")


def test_B6_without_a_remote_a_detached_head_makes_a_pre_release(repo: Path) -> None:
    git("checkout", "--quiet", "--detach", cwd=repo)
    assert not of(repo).claims


def test_B6_without_a_remote_the_release_branch_of_the_working_tree_counts(repo: Path) -> None:
    assert of(repo, release_branch="main").claims
    assert not of(repo, release_branch="stable").claims


def test_B6_commit_on_the_remotes_default_branch_claims_also_detached(repo: Path, bare_remote: Path) -> None:
    git("checkout", "--quiet", "--detach", cwd=repo)
    found = of(repo, JENKINS)
    assert (found.claims, found.release_branch, found.branch) == (True, "main", None)
    assert found.remote is not None


def test_B6_commit_that_the_remote_lacks_makes_a_pre_release_and_says_push(repo: Path, bare_remote: Path) -> None:
    commit(repo)
    found = of(repo)
    assert not found.claims
    assert "git push origin main" in found.why


def test_B6_commit_that_a_merge_brought_is_not_on_the_first_parent_line(repo: Path, bare_remote: Path) -> None:
    git("checkout", "--quiet", "-b", "side", cwd=repo)
    side = commit(repo, "side")
    git("checkout", "--quiet", "main", cwd=repo)
    commit(repo, "own")
    git("merge", "--quiet", "--no-ff", "--message", "Merge", "side", cwd=repo)
    git("push", "--quiet", "origin", "main", cwd=repo)
    assert of(repo).claims
    git("checkout", "--quiet", side, cwd=repo)
    assert not of(repo).claims


def test_B6_release_branch_is_as_fetched_now_not_as_this_clone_remembers(
    repo: Path, bare_remote: Path, tmp_path: Path
) -> None:
    git("clone", "--quiet", str(bare_remote), str(tmp_path / "other"), cwd=tmp_path)
    newer = commit(repo)
    git("push", "--quiet", "origin", "main", cwd=repo)
    git("fetch", "--quiet", str(repo), newer, cwd=tmp_path / "other")
    git("checkout", "--quiet", newer, cwd=tmp_path / "other")
    assert of(tmp_path / "other").claims
    git("push", "--quiet", "--force", "origin", f"{newer}~1:main", cwd=repo)
    assert not of(tmp_path / "other").claims


def test_B6_release_branch_that_policy_names_is_asked_for(repo: Path, bare_remote: Path) -> None:
    git("push", "--quiet", "origin", "main:stable", cwd=repo)
    commit(repo)
    git("push", "--quiet", "origin", "main", cwd=repo)
    assert not of(repo, release_branch="stable").claims
    git("push", "--quiet", "origin", "main:stable", cwd=repo)
    found = of(repo, release_branch="stable")
    assert (found.claims, found.release_branch) == (True, "stable")
    with pytest.raises(UsageError, match="has no branch gone"):
        of(repo, release_branch="gone")


def test_B6_policy_is_read_at_the_head_of_the_default_branch(repo: Path, bare_remote: Path) -> None:
    asked = []
    standing(opened(repo), NO_CI, asked.append)
    assert asked == [git("rev-parse", "main", cwd=bare_remote)]


@pytest.mark.parametrize(
    "narrowed",
    [
        replace(JENKINS, pull_request="42", branch="main"),
        replace(JENKINS, fork=True),
        replace(JENKINS, branch="feature"),
    ],
)
def test_B6_ci_variables_can_take_the_right_away(repo: Path, bare_remote: Path, narrowed: Build) -> None:
    assert of(repo, replace(JENKINS, branch="main")).claims
    found = of(repo, narrowed)
    assert not found.claims
    assert not found.on_release_branch


def test_B6_ci_variables_can_not_give_the_right(repo: Path, bare_remote: Path) -> None:
    commit(repo)
    assert not of(repo, replace(JENKINS, branch="main")).claims


def test_B6_empty_remote_makes_a_pre_release_and_says_push(repo: Path, tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", str(tmp_path / "empty"), cwd=tmp_path)
    git("remote", "add", "origin", str(tmp_path / "empty"), cwd=repo)
    found = of(repo)
    assert not found.claims
    assert "push yours first" in found.why


def test_B6_shallow_detached_clone_finds_its_place_on_the_line(repo: Path, bare_remote: Path, tmp_path: Path) -> None:
    old = commit(repo)
    for _ in range(3):
        commit(repo)
    git("push", "--quiet", "origin", "main", cwd=repo)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=bare_remote)
    clone = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{bare_remote}", str(clone), cwd=tmp_path)
    git("fetch", "--quiet", "--depth=1", "origin", old, cwd=clone)
    git("checkout", "--quiet", "--detach", old, cwd=clone)
    assert of(clone, JENKINS).claims


def gone(bare: Path) -> None:
    bare.rename(bare.with_name("gone"))


def test_B8_pre_releases_work_offline(repo: Path, bare_remote: Path) -> None:
    git("checkout", "--quiet", "-b", "feature", cwd=repo)
    commit(repo)
    gone(bare_remote)
    found = of(repo)
    assert (found.claims, found.branch) == (False, "feature")
    assert found.why == "origin does not answer, and no branch of it had this commit"
    assert "pull request 4" in of(repo, replace(JENKINS, pull_request="4")).why, "nothing had to be asked"
    assert of(repo, prerelease=True).why == "a pre-release was asked for"


def test_B8_only_claiming_needs_the_remote(repo: Path, bare_remote: Path) -> None:
    gone(bare_remote)
    with pytest.raises(UnreachableError):
        of(repo)


def test_B8_offline_in_ci_the_answer_could_be_yes(repo: Path, bare_remote: Path) -> None:
    commit(repo)
    git("remote", "set-head", "origin", "main", cwd=repo)
    gone(bare_remote)
    with pytest.raises(UnreachableError):
        of(repo, JENKINS)
    with pytest.raises(UnreachableError):
        of(repo, replace(JENKINS, branch="main"))
    assert "origin does not answer" in of(repo, replace(JENKINS, branch="feature")).why


def claimed(folder: Path, version: str) -> str:
    found = opened(folder)
    result = claim(found, found.remote(), record(found.head(), version), digest(version))
    assert isinstance(result, Won)
    return result.tag.commit


def known_in(folder: Path) -> Known:
    return known(opened(folder), opened(folder).remote(), "digits", None)


def late_at(folder: Path, at: str, **built: list[str]) -> Late | None:
    knowledge = known_in(folder)
    named = {digest(version.replace("_", ".").strip("v")): commits for version, commits in built.items()}
    return late(opened(folder), Known(knowledge.finals, named), at)


def test_B7_strict_ancestor_of_a_released_commit_is_late(repo: Path) -> None:
    old = opened(repo).head()
    between = commit(repo)
    new = commit(repo)
    claimed(repo, "1.0.0")
    newest = commit(repo)
    assert [bool(late_at(repo, at)) for at in (old, between, new, newest)] == [True, True, False, False]
    found = late_at(repo, between)
    assert (found.own, found.newer.version) == ([], "1.0.0")
    error = superseded(between, found.newer)
    assert (error.kind, error.code) == ("superseded", 4)
    assert "1.0.0" in error.message


def test_B7_late_build_has_the_release_that_its_own_tag_names(repo: Path) -> None:
    old = claimed(repo, "1.0.0")
    commit(repo)
    claimed(repo, "1.1.0")
    found = late_at(repo, old)
    assert ([final.version for final in found.own], found.newer.version) == (["1.0.0"], "1.1.0")


def test_B7_built_evidence_counts_as_a_tag_does(repo: Path) -> None:
    claimed(repo, "1.0.0")
    between, last = commit(repo), commit(repo)
    assert late_at(repo, between) is None
    found = late_at(repo, between, v1_0_0=[between, last])
    assert ([final.version for final in found.own], found.newer.version) == (["1.0.0"], "1.0.0")


def test_B7_commits_of_another_line_make_nobody_late(repo: Path) -> None:
    old = opened(repo).head()
    git("checkout", "--quiet", "--orphan", "other", cwd=repo)
    commit(repo)
    claimed(repo, "1.0.0")
    assert late_at(repo, old) is None


def test_B7_foreign_tags_make_nobody_late(repo: Path) -> None:
    old = opened(repo).head()
    commit(repo)
    git("tag", "digits@v7.0.0", cwd=repo)
    git("tag", "other@v1.0.0", cwd=repo)
    assert late_at(repo, old) is None


def test_B7_the_one_among_many_is_named(repo: Path) -> None:
    at = opened(repo).head()
    git("checkout", "--quiet", "--orphan", "other", cwd=repo)
    for number in range(5):
        commit(repo)
        claimed(repo, f"1.{number}.0")
    git("checkout", "--quiet", "main", cwd=repo)
    commit(repo)
    claimed(repo, "1.5.0")
    assert late_at(repo, at).newer.version == "1.5.0"


def test_B7_shallow_clone_sees_that_it_is_late(repo: Path, bare_remote: Path, tmp_path: Path) -> None:
    old = commit(repo)
    for _ in range(3):
        commit(repo)
    git("push", "--quiet", "origin", "main", cwd=repo)
    claimed(repo, "1.0.0")
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=bare_remote)
    clone = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{bare_remote}", str(clone), cwd=tmp_path)
    git("fetch", "--quiet", "--depth=1", "origin", old, cwd=clone)
    git("checkout", "--quiet", old, cwd=clone)
    assert late(opened(clone), known_in(clone), old).newer.version == "1.0.0"
