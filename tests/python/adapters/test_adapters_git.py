"""The git adapter against real repositories."""

import os
import time
from pathlib import Path

import pytest

from model_devops.adapters import git_process
from model_devops.adapters.git import open_git
from model_devops.errors import RefusedError, UnreachableError, UsageError
from repositories import commit, git, opened


def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    assert open_git(tmp_path) is None


def test_root_and_common_folder_are_found_from_below_and_from_another_work_tree(repo: Path, tmp_path: Path) -> None:
    (repo / "under neath").mkdir()
    git("worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "other", cwd=repo)
    assert opened(repo / "under neath").root == repo.resolve()
    assert opened(tmp_path / "tree").common_dir == opened(repo).common_dir == (repo / ".git").resolve()


def test_damaged_repository_is_not_taken_for_none(repo: Path) -> None:
    (repo / ".git" / "HEAD").write_text("nonsense\n")
    with pytest.raises(UsageError, match=r"\.git is there, but git does not take it"):
        open_git(repo)


def test_variables_of_a_git_hook_do_not_lead_elsewhere(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "--quiet", str(tmp_path / "elsewhere"), cwd=tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere")
    assert opened(repo).head() is not None
    assert opened(repo).changed_files() == []


def test_missing_git_says_so(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        open_git(repo)


def fake_git(folder: Path, script: str) -> str:
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_old_git_is_refused_with_the_oldest_that_will_do(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_git(tmp_path, "echo git version 1.8.3.1"))
    with pytest.raises(UsageError, match=r"too old: git version 1\.8\.3\.1") as caught:
        open_git(repo)
    assert "2.20" in str(caught.value.hint)


def test_repository_of_another_user_names_the_command(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch: as if the folder were another's
    with pytest.raises(UsageError) as caught:
        open_git(repo)
    assert caught.value.kind == "safe-directory"
    assert "git config --global --add safe.directory" in str(caught.value.hint)


def test_repository_without_commits_has_a_branch_and_no_head(tmp_path: Path) -> None:
    git("init", "--quiet", "--initial-branch=trunk", cwd=tmp_path)
    found = opened(tmp_path)
    assert (found.head(), found.branch()) == (None, "trunk")


def test_detached_head_is_on_no_branch(repo: Path) -> None:
    git("checkout", "--quiet", "--detach", cwd=repo)
    assert opened(repo).branch() is None
    assert opened(repo).head() == git("rev-parse", "HEAD", cwd=repo)


NAMES = [
    "a b",
    "línea\nnueva",
    "файл",
    "e\u0301 in NFD",
    ":(top)magic",
    "*",
    "-dash",
    'quote"',
]


def test_names_with_spaces_newlines_and_other_alphabets_survive(repo: Path) -> None:
    for name in NAMES:
        (repo / name).write_text("one")
    found = opened(repo)
    assert found.untracked_not_ignored([*NAMES, "README.md"]) == set(NAMES)
    git("add", "--all", cwd=repo)
    git("commit", "--quiet", "--message", "Names", cwd=repo)
    assert found.tracked([*NAMES, "absent"]) == set(NAMES)
    for name in NAMES:
        (repo / name).write_text("two")
    assert found.changed_files() == sorted(NAMES)
    assert [found.show("HEAD", name) for name in NAMES] == [b"one"] * len(NAMES)


def test_ignored_files_are_neither_tracked_nor_loose(repo: Path) -> None:
    (repo / ".gitignore").write_text("*.log\n!kept.log\n:(top)odd\n")
    for name in ("a.log", "kept.log", "loose"):
        (repo / name).write_text("")
    git("add", "--force", "kept.log", cwd=repo)
    (repo / ":(top)odd").write_text("")
    paths = ["a.log", "kept.log", "loose", ":(top)odd"]
    assert opened(repo).ignored(paths) == {"a.log", ":(top)odd"}
    assert opened(repo).untracked_not_ignored(paths) == {"loose"}


def test_changes_are_found_staged_unstaged_and_deleted_but_not_modes(
    repo: Path,
) -> None:
    for name in ("staged", "unstaged", "deleted", "mode"):
        commit(repo, name, name)
    (repo / "staged").write_text("new")
    git("add", "staged", cwd=repo)
    (repo / "unstaged").write_text("new")
    (repo / "deleted").unlink()
    (repo / "mode").chmod(0o755)
    assert opened(repo).changed_files() == ["deleted", "staged", "unstaged"]


def test_names_of_folders_are_no_patterns(repo: Path) -> None:
    (repo / ":(top)a").mkdir()
    (repo / ":(top)a" / "file").write_text("one")
    git("add", "--all", cwd=repo)
    assert opened(repo).tracked([":(top)a/file", ":(top)a/absent"]) == {":(top)a/file"}


def test_before_the_first_commit_all_that_is_staged_differs(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    (tmp_path / "file").write_text("new")
    git("add", "file", cwd=tmp_path)
    assert opened(tmp_path).changed_files() == ["file"]


def test_files_of_a_submodule_are_tracked_and_what_lies_about_in_it_is_no_change(repo: Path, tmp_path: Path) -> None:
    git("init", "--quiet", str(tmp_path / "library"), cwd=tmp_path)
    commit(tmp_path / "library", "code.py", "one")
    options = ("-c", "protocol.file.allow=always")
    git(*options, "submodule", "--quiet", "add", str(tmp_path / "library"), "library", cwd=repo)
    git("commit", "--quiet", "--message", "Take the library in", cwd=repo)
    (repo / "library" / "cache").write_text("lies about")
    assert opened(repo).tracked(["library/code.py", "library/cache"]) == {"library/code.py"}
    assert opened(repo).changed_files() == []
    (repo / "library" / "code.py").write_text("two")
    assert opened(repo).changed_files() == ["library"]


def test_shown_are_regular_files_of_a_commit_only(repo: Path) -> None:
    (repo / "link").symlink_to("README.md")
    (repo / "folder").mkdir()
    commit(repo, "folder/file", "x")
    found = opened(repo)
    assert found.show("HEAD", "README.md") == b"A project.\n"
    assert [found.show("HEAD", path) for path in ("link", "folder", "absent")] == [
        None,
        None,
        None,
    ]


def test_first_parent_line_leaves_out_a_branch_that_was_merged_into_nothing_new(repo: Path) -> None:
    git("checkout", "--quiet", "-b", "side", cwd=repo)
    side = commit(repo, "side")
    git("checkout", "--quiet", "main", cwd=repo)
    git("merge", "--quiet", "--no-ff", "--message", "Merge", "side", cwd=repo)
    assert not opened(repo).on_first_parent_line(side, git("rev-parse", "HEAD", cwd=repo))


def test_first_parent_line_leaves_out_what_a_merge_brought(repo: Path) -> None:
    base = git("rev-parse", "HEAD", cwd=repo)
    git("checkout", "--quiet", "-b", "side", cwd=repo)
    side = commit(repo, "side")
    git("checkout", "--quiet", "main", cwd=repo)
    own = commit(repo, "own")
    git("merge", "--quiet", "--no-ff", "--message", "Merge", "side", cwd=repo)
    found, tip = opened(repo), git("rev-parse", "HEAD", cwd=repo)
    assert [found.on_first_parent_line(one, tip) for one in (base, own, side, tip)] == [
        True,
        True,
        False,
        True,
    ]
    assert [found.reaches([tip], one) for one in (base, own, side, tip)] == [
        True,
        True,
        True,
        True,
    ]
    assert not found.on_first_parent_line(tip, own)
    assert not found.reaches([own], tip)


def test_commit_that_is_nowhere_is_reached_by_nothing(repo: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=repo)
    assert not opened(repo).on_first_parent_line("0123456789" * 4, head)
    assert not opened(repo).reaches(["0123456789" * 4], head)


@pytest.fixture
def shallow(repo: Path, bare_remote: Path, tmp_path: Path) -> Path:
    for _ in range(4):
        commit(repo)
    git("push", "--quiet", "origin", "main", cwd=repo)
    git(
        "clone",
        "--quiet",
        "--depth=1",
        f"file://{bare_remote}",
        str(tmp_path / "shallow"),
        cwd=tmp_path,
    )
    return tmp_path / "shallow"


def test_B6_ancestry_that_a_shallow_clone_lacks_is_fetched(shallow: Path, repo: Path) -> None:
    found = opened(shallow)
    first, tip = (
        git("rev-list", "--max-parents=0", "HEAD", cwd=repo),
        git("rev-parse", "HEAD", cwd=repo),
    )
    assert found.is_shallow()
    assert found.on_first_parent_line(tip, tip)
    assert found.is_shallow(), "what can be told is not fetched"
    assert found.reaches([tip], first)
    assert not found.is_shallow()
    assert found.on_first_parent_line(first, tip)


def test_no_remote_is_none_and_the_only_one_counts_under_any_name(repo: Path) -> None:
    assert opened(repo).remote() is None
    git("remote", "add", "upstream", "https://example.org/a/b.git", cwd=repo)
    found = opened(repo).remote()
    assert found is not None
    assert (found.name, found.key) == ("upstream", "example.org/a/b")
    git("remote", "add", "origin", "https://example.org/c/d.git", cwd=repo)
    assert opened(repo).remote().name == "origin"


def test_several_remotes_without_origin_are_a_usage_error(repo: Path) -> None:
    for name in ("one", "two"):
        git("remote", "add", name, "https://example.org/x", cwd=repo)
    with pytest.raises(UsageError, match="one, two") as caught:
        opened(repo).remote()
    assert caught.value.hint == "name the one that counts: git remote rename one origin"


def test_default_branch_is_asked_from_the_remote(repo: Path, bare_remote: Path) -> None:
    found = opened(repo)
    assert found.default_branch(found.remote()) == "main"
    git("push", "--quiet", "origin", "main:release/1.x", cwd=repo)
    git("symbolic-ref", "HEAD", "refs/heads/release/1.x", cwd=bare_remote)
    assert found.default_branch(found.remote()) == "release/1.x"


def test_empty_remote_has_no_default_branch(repo: Path, tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", str(tmp_path / "empty"), cwd=tmp_path)
    git("remote", "add", "origin", str(tmp_path / "empty"), cwd=repo)
    assert opened(repo).default_branch(opened(repo).remote()) is None


@pytest.mark.parametrize("head", ["ref: refs/heads/gone\n", None])
def test_P2_head_that_names_no_branch_gives_the_command(repo: Path, bare_remote: Path, head: str | None) -> None:
    (bare_remote / "HEAD").write_text(head or git("rev-parse", "HEAD", cwd=repo) + "\n")
    with pytest.raises(UsageError, match="names no branch") as caught:
        opened(repo).default_branch(opened(repo).remote())
    assert "git symbolic-ref HEAD refs/heads/main" in str(caught.value.hint)


def test_fetched_branch_is_the_remotes_of_now(repo: Path, bare_remote: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", str(bare_remote), str(tmp_path / "other"), cwd=tmp_path)
    newer = commit(tmp_path / "other")
    git("push", "--quiet", "origin", "main", cwd=tmp_path / "other")
    before = git("show-ref", cwd=repo)
    assert opened(repo).fetch_branch(opened(repo).remote(), "main") == newer
    after = git("show-ref", cwd=repo).replace(f"\n{newer} refs/model-devops/heads/main", "")
    assert after == before, "nobody's own refs are touched"


def test_branch_below_the_name_of_a_former_one_is_fetched(repo: Path, bare_remote: Path) -> None:
    git("push", "--quiet", "origin", "main:release", cwd=repo)
    found = opened(repo)
    found.fetch_branch(found.remote(), "release")
    git("push", "--quiet", "origin", ":release", "main:release/1", cwd=repo)
    assert found.fetch_branch(found.remote(), "release/1") == found.head()


def test_fetch_waits_while_another_process_of_the_clone_holds_a_lock(
    repo: Path, bare_remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = repo / ".git" / "refs" / "model-devops" / "heads" / "main.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    waited: list[int] = []

    def pause(attempt: int) -> None:
        waited.append(attempt)
        if attempt == 1:
            lock.unlink()

    monkeypatch.setattr("model_devops.adapters.git._pause", pause)
    found = opened(repo)
    assert found.fetch_branch(found.remote(), "main") == found.head()
    assert waited == [0, 1]


def test_a_lock_that_nobody_lets_go_is_told_in_gits_words(
    repo: Path, bare_remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = repo / ".git" / "refs" / "model-devops" / "heads" / "main.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    waited: list[int] = []
    monkeypatch.setattr("model_devops.adapters.git._pause", waited.append)
    found = opened(repo)
    with pytest.raises(UnreachableError, match=r"main\.lock"):
        found.fetch_branch(found.remote(), "main")
    assert waited == list(range(7))


def test_branch_that_the_remote_lacks_is_a_usage_error(repo: Path, bare_remote: Path) -> None:
    with pytest.raises(UsageError, match="has no branch nope") as caught:
        opened(repo).fetch_branch(opened(repo).remote(), "nope")
    assert caught.value.hint == "push it: git push origin nope"


def test_lost_remote_is_unreachable_in_gits_words(repo: Path, tmp_path: Path) -> None:
    git("remote", "add", "origin", "http://user:s3cret@127.0.0.1:9/x.git", cwd=repo)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1") as caught:
        opened(repo).default_branch(opened(repo).remote())
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in opened(repo).remote().shown


def test_denied_remote_is_refused_without_asking_anybody(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "GIT_SSH_COMMAND",
        "echo 'git@x: Permission denied (publickey).' >&2; exit 255 #",
    )
    git("remote", "add", "origin", "git@example.org:a/b.git", cwd=repo)
    with pytest.raises(RefusedError, match="Permission denied") as caught:
        opened(repo).default_branch(opened(repo).remote())
    assert caught.value.kind == "denied"


def test_a_clone_that_cannot_be_written_is_no_fault_of_the_remote(repo: Path, bare_remote: Path) -> None:
    (repo / ".git" / "FETCH_HEAD").unlink(missing_ok=True)
    (repo / ".git" / "FETCH_HEAD").mkdir()  # stops root as well, unlike a mode
    with pytest.raises(UsageError, match="can't write here") as caught:
        opened(repo).fetch_branch(opened(repo).remote(), "main")
    assert caught.value.kind == "read-only"


def ssh_environment(repo: Path, tmp_path: Path) -> str:
    (tmp_path / "ssh").write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/arguments"\nexit 255\n')
    (tmp_path / "ssh").chmod(0o755)
    git("remote", "add", "origin", "git@example.org:a/b.git", cwd=repo)
    with pytest.raises(UnreachableError):
        opened(repo).default_branch(opened(repo).remote())
    return (tmp_path / "arguments").read_text()


def test_ssh_never_prompts(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "BatchMode=yes" in ssh_environment(repo, tmp_path)


def test_configured_ssh_command_is_kept(repo: Path, tmp_path: Path) -> None:
    git("config", "core.sshCommand", f"{tmp_path}/ssh -i key", cwd=repo)
    assert "-i key" in ssh_environment(repo, tmp_path)


def test_committer_has_a_fallback_where_git_knows_nobody(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(repo).committer().startswith("Test Person <person@example.org> ")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git("config", "user.useConfigOnly", "true", cwd=repo)
    assert opened(repo).committer().startswith("model-devops <model-devops@localhost> ")


GPG = """\
#!/bin/sh
case "$*" in
*--verify*) echo "gpg: Good signature" >&2; echo "[GNUPG:] GOODSIG 1 Ann";;
*) cat >/dev/null; echo "[GNUPG:] SIG_CREATED " >&2
   printf '%s\\n' "-----BEGIN PGP SIGNATURE-----" x "-----END PGP SIGNATURE-----";;
esac
"""


def test_what_gpg_says_of_a_commit_is_no_part_of_its_authors(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "gpg").write_text(GPG)
    (tmp_path / "gpg").chmod(0o755)
    for key, value in (("gpg.program", str(tmp_path / "gpg")), ("log.showSignature", "true")):
        git("config", key, value, cwd=repo)
    base = git("rev-parse", "HEAD", cwd=repo)
    signed = commit(repo, "file", "", "--gpg-sign=Ann")
    assert "Good signature" in git("log", "-1", cwd=repo)
    assert opened(repo).author(signed) == ("Test Person", "person@example.org")
    assert opened(repo).authors_since(base, 5) == [("Test Person", "person@example.org")]


def test_git_speaks_one_language_whatever_the_machines_is(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    git("config", "alias.language", "!echo $LC_ALL $GIT_TERMINAL_PROMPT", cwd=repo)
    assert opened(repo).run("language") == "C 0"


def test_what_a_remote_says_is_passed_on_without_the_credentials_of_its_address(repo: Path) -> None:
    git("config", "alias.told", "!echo fatal: https://ann:secret@example.org/x is gone >&2; exit 128; :", cwd=repo)
    with pytest.raises(UnreachableError, match=r"https://\*\*\*@example\.org/x is gone"):
        opened(repo).run("told", network=True)


def test_git_that_hangs_on_this_machine_is_no_wrong_call(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "LOCAL_SECONDS", 0.3)
    git("config", "alias.hang", "!sleep 60", cwd=repo)
    with pytest.raises(UnreachableError, match="git hang: no answer within 0 s"):
        opened(repo).run("hang")


def test_replacements_of_this_clone_are_not_what_the_commit_says(repo: Path) -> None:
    blob = git("rev-parse", "HEAD:README.md", cwd=repo)
    (repo / "other").write_text("something else")
    git("replace", blob, git("hash-object", "-w", "other", cwd=repo), cwd=repo)
    assert opened(repo).show("HEAD", "README.md") == b"A project.\n"


def test_author_is_the_commits_own(repo: Path) -> None:
    commit(repo, "x", "", "--author=Ünï Cödé <u@example.org>")
    assert opened(repo).author("HEAD") == ("Ünï Cödé", "u@example.org")


def test_configuration_is_set_for_this_clone(repo: Path) -> None:
    found = opened(repo)
    assert found.config_get("model-devops.key") is None
    found.config_set("model-devops.key", "a b")
    assert found.config_get("model-devops.key") == git("config", "--local", "model-devops.key", cwd=repo) == "a b"


def test_git_that_never_answers_is_killed_with_its_helpers(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_devops.adapters.git_process.NETWORK_SECONDS", 0.5)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"sleep 60 & echo $! > '{tmp_path}/pid'; wait #")
    git("remote", "add", "origin", "git@example.org:a/b.git", cwd=repo)
    start = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer within"):
        opened(repo).default_branch(opened(repo).remote())
    assert time.monotonic() - start < 10
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the helper still runs")
