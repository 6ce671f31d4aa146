"""Claiming a version (V3): winning, losing, and everything that is neither."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_devops.errors import RefusedError, UnreachableError, UsageError
from model_devops.versioning.bump import decide
from model_devops.versioning.claim import Lost, Won, claim
from model_devops.versioning.known import known
from model_devops.versioning.tags import known_tags, read_tags
from repositories import digest, git, opened, record


def claim_in(folder: Path, version: str = "1.0.0", content: str = "a") -> Won | Lost:
    found = opened(folder)
    return claim(found, found.remote(), record(found.head(), version, content), digest(content))


@pytest.fixture
def other(bare_remote: Path, tmp_path: Path) -> Path:
    git("clone", "--quiet", str(bare_remote), str(tmp_path / "other"), cwd=tmp_path)
    return tmp_path / "other"


def hook(bare: Path, name: str, script: str) -> None:
    (bare / "hooks").mkdir(exist_ok=True)
    (bare / "hooks" / name).write_text(f"#!/bin/sh\n{script}\n")
    (bare / "hooks" / name).chmod(0o755)


def test_V3_without_a_remote_the_tag_is_made_here(repo: Path) -> None:
    result = claim_in(repo)
    assert isinstance(result, Won)
    assert git("rev-parse", "digits@v1.0.0^{commit}", cwd=repo) == opened(repo).head()


def test_V3_with_a_remote_the_tag_is_there_and_here(repo: Path, bare_remote: Path) -> None:
    result = claim_in(repo)
    assert isinstance(result, Won)
    assert git("rev-parse", "digits@v1.0.0", cwd=bare_remote) == git("rev-parse", "digits@v1.0.0", cwd=repo)
    assert read_tags(opened(repo), opened(repo).remote(), "digits") == [result.tag]


def test_V3_whoever_is_late_loses_to_the_tag_that_is_there(repo: Path, other: Path) -> None:
    won = claim_in(repo, content="a")
    lost = claim_in(other, content="b")
    assert isinstance(lost, Lost)
    assert lost.tag.claim == won.tag.claim
    assert lost.tag.record.identity == record(None, content="a").identity
    assert git("tag", "--list", cwd=other) == "", "nothing remains of a lost claim"


def test_V3_losing_without_a_remote_leaves_the_first(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), cwd=repo)
    won, lost = claim_in(repo, content="a"), claim_in(tmp_path / "tree", content="b")
    assert isinstance(lost, Lost)
    assert lost.tag.claim == won.tag.claim


def test_V3_lost_answer_is_found_again_by_its_claim_id(repo: Path, bare_remote: Path) -> None:
    hook(bare_remote, "reference-transaction", '[ "$1" = committed ] && kill -9 $PPID; exit 0')
    result = claim_in(repo)
    assert isinstance(result, Won)
    assert git("rev-parse", "digits@v1.0.0", cwd=bare_remote) == result.tag.object
    assert git("rev-parse", "digits@v1.0.0", cwd=repo) == result.tag.object


#: An ssh that reaches this machine, and loses the first answer to each question of who won.
FORGETFUL_SSH = """\
#!/bin/sh
for command; do :; done
case "$command" in
*upload-pack*) if [ ! -e "$0.asked" ]; then touch "$0.asked"; exit 1; fi;;
esac
eval "$command"
"""


def test_V3_who_won_is_asked_again_where_no_answer_comes(
    repo: Path, bare_remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(bare_remote, "reference-transaction", '[ "$1" = committed ] && kill -9 $PPID; exit 0')
    (tmp_path / "ssh").write_text(FORGETFUL_SSH)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(tmp_path / "ssh"))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    git("remote", "set-url", "origin", f"ssh://somebody@127.0.0.1{bare_remote}", cwd=repo)
    assert isinstance(claim_in(repo), Won)
    assert (tmp_path / "ssh.asked").exists()


def test_V3_a_tag_that_only_this_clone_has_is_no_winner(repo: Path, bare_remote: Path) -> None:
    hook(bare_remote, "pre-receive", "exit 1")
    git("tag", "digits@v1.0.0", cwd=repo)
    with pytest.raises(RefusedError) as caught:
        claim_in(repo)
    assert caught.value.kind == "push-refused"


def test_V3_what_was_claimed_is_known_to_be_on_the_remote_without_asking(repo: Path, bare_remote: Path) -> None:
    won = claim_in(repo)
    assert isinstance(won, Won)
    assert known_tags(opened(repo), "digits") == [won.tag]
    assert won.tag.remote


def test_V3_push_that_died_before_it_arrived_is_unreachable_and_no_loss(repo: Path, bare_remote: Path) -> None:
    hook(bare_remote, "pre-receive", "kill -9 $PPID")
    with pytest.raises(UnreachableError):
        claim_in(repo)
    assert git("tag", "--list", cwd=bare_remote) == git("tag", "--list", cwd=repo) == ""


def test_V3_refused_push_says_the_remotes_words_and_what_to_do(repo: Path, bare_remote: Path) -> None:
    hook(bare_remote, "pre-receive", "echo 'GL-HOOK-ERR: tags are protected' >&2; exit 1")
    with pytest.raises(RefusedError, match="GL-HOOK-ERR: tags are protected") as caught:
        claim_in(repo)
    assert caught.value.kind == "push-refused"
    assert "digits@v*" in str(caught.value.hint)
    assert git("tag", "--list", cwd=repo) == ""


def test_V3_tag_refused_by_configuration_is_refused(repo: Path, bare_remote: Path) -> None:
    git("config", "receive.hideRefs", "refs/tags", cwd=bare_remote)
    with pytest.raises(RefusedError, match="hidden ref"):
        claim_in(repo)


def test_V3_lost_remote_is_unreachable(repo: Path, bare_remote: Path) -> None:
    bare_remote.rename(bare_remote.with_name("moved"))
    with pytest.raises(UnreachableError, match="no telling whether"):
        claim_in(repo)


@pytest.mark.parametrize(
    "setting", [("push.followTags", "true"), ("tag.gpgSign", "true"), ("push.default", "matching")]
)
def test_settings_of_the_clone_push_nothing_else(repo: Path, bare_remote: Path, setting: tuple[str, str]) -> None:
    git("tag", "--annotate", "--message", "mine", "private", cwd=repo)
    git("config", *setting, cwd=repo)
    assert isinstance(claim_in(repo), Won)
    assert git("tag", "--list", cwd=bare_remote) == "digits@v1.0.0"


def test_claim_works_where_git_knows_nobody(repo: Path, bare_remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git("config", "user.useConfigOnly", "true", cwd=repo)
    assert isinstance(claim_in(repo), Won)


def test_claim_works_from_a_detached_head_and_a_shallow_clone(bare_remote: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", "--depth=1", f"file://{bare_remote}", str(tmp_path / "shallow"), cwd=tmp_path)
    git("checkout", "--quiet", "--detach", cwd=tmp_path / "shallow")
    assert isinstance(claim_in(tmp_path / "shallow"), Won)


def test_claim_needs_a_commit(repo: Path) -> None:
    with pytest.raises(UsageError, match="claimed for a commit"):
        claim(opened(repo), None, record(None), digest("a"))


def next_version(folder: Path, content: str) -> str:
    """What a build does when it has made its bytes: look, decide, claim, and look again when it lost."""
    found = opened(folder)
    remote = found.remote()
    while True:
        knowledge = known(found, remote, "digits", None)
        base = knowledge.base(lambda _: False)
        made = record(found.head(), content=content)
        version = decide(base.record if base else None, made.identity, knowledge.highest).version
        result = claim(found, remote, record(found.head(), version, content), digest(content))
        if isinstance(result, Won):
            return version


def test_V3_fifty_clones_that_claim_at_once_get_fifty_versions(repo: Path, bare_remote: Path, tmp_path: Path) -> None:
    clones = [tmp_path / f"clone {number}" for number in range(50)]
    for clone in clones:
        git("clone", "--quiet", str(bare_remote), str(clone), cwd=tmp_path)
    with ThreadPoolExecutor(len(clones)) as pool:
        versions = list(pool.map(lambda clone: next_version(clone, clone.name), clones))
    # What is compared is the base, which the highest number passed by: each version is a minor one after the last.
    assert sorted(versions, key=lambda text: int(text.split(".")[1])) == [f"1.{number}.0" for number in range(50)]
    found = read_tags(opened(repo), opened(repo).remote(), "digits")
    assert len({tag.claim for tag in found}) == len({tag.release for tag in found}) == 50


CLAIM = """
import sys
from repositories import digest, opened, record
from model_devops.versioning.claim import claim
found = opened(sys.argv[1])
result = claim(found, found.remote(), record(found.head(), "1.0.0", sys.argv[2]), digest(sys.argv[2]))
print(type(result).__name__)
"""


def claim_apart(folder: Path, content: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
    command = [sys.executable, "-c", CLAIM, str(folder), content]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("point", "there", "again"),
    [("claim.before-tag", 0, "Won"), ("claim.before-push", 0, "Won"), ("claim.after-push", 1, "Lost")],
)
def test_V3_killed_claim_is_whole_or_not_there(
    repo: Path, bare_remote: Path, point: str, there: int, again: str
) -> None:
    killed = claim_apart(repo, "a", MODEL_DEVOPS_CRASH_AT=point)
    assert killed.returncode == -9, killed.stderr
    found = read_tags(opened(repo), opened(repo).remote(), "digits")
    assert [tag.record is not None for tag in found] == [True] * there
    assert claim_apart(repo, "a").stdout == f"{again}\n"


@pytest.mark.parametrize("point", ["claim.before-tag", "claim.before-push", "claim.after-push"])
def test_V3_killed_claim_without_a_remote_is_whole_or_not_there(repo: Path, point: str) -> None:
    assert claim_apart(repo, "a", MODEL_DEVOPS_CRASH_AT=point).returncode == -9
    assert len(read_tags(opened(repo), None, "digits")) == (point == "claim.after-push")
