"""A clone that released on its own before it got a remote: its numbers are not the remote's yet (V5, V6)."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from mini_project import MODEL, PYTHON, Mini, clone
from served import free_port

SERVED = """\
serve:
  command: PYTHON -m http.server --bind 127.0.0.1 PORT
  ready: /
environments:
  test: {target: local, port: PORT, proof: []}
"""


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def tags(mini: Mini) -> list[str]:
    """The tags that the remote has."""
    lines = mini.git("ls-remote", "--tags", "--refs", "origin").splitlines()
    return [line.split("refs/tags/")[1] for line in lines]


def change(mini: Mini) -> None:
    mini.commit(data__rows_dot_csv="1\n2\n3\n4\n")
    mini.git("push", "-q", "origin", "HEAD:main")


def joined_later(mini: Mini, tmp_path: Path) -> Path:
    """A clone that released without a remote gets one, and pushes its branch but not its tags."""
    ok(mini.build())
    other = tmp_path / "later.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(other)], check=True)
    mini.git("remote", "add", "origin", str(other))
    mini.git("push", "-q", "origin", "HEAD:main")
    return other


def test_V5_a_build_puts_the_tags_there_that_a_late_remote_lacks(mini, tmp_path):
    joined_later(mini, tmp_path)
    own = mini.git("rev-parse", "mini@v1.0.0")
    same = ok(mini.build())
    assert (same["version"], same["new"], tags(mini)) == ("1.0.0", False, ["mini@v1.0.0"])
    assert mini.git("ls-remote", "origin", "refs/tags/mini@v1.0.0").split()[0] == own, "the claim that was made here"
    assert "origin lacked the tag mini@v1.0.0 of what is released: it is there now" in same["warnings"]
    assert ok(mini.build())["warnings"] == []
    elsewhere = clone(tmp_path / "later.git", tmp_path / "elsewhere")
    change(elsewhere)
    assert ok(elsewhere.build(MODEL_DEVOPS_HOME=str(tmp_path / "another-home")))["version"] == "1.1.0"


def test_V5_a_clone_that_gets_a_remote_is_told_of_its_tags_by_the_first_verb(mini, tmp_path):
    joined_later(mini, tmp_path)
    [told] = ok(mini.run("release", "list"))["warnings"]
    assert f"kept for {tmp_path / 'later.git'} from now on" in told
    assert "`model-devops version repair`" in told
    assert (tags(mini), ok(mini.run("release", "list"))["warnings"]) == ([], [])


def test_V5_where_a_build_may_not_push_the_tags_it_says_so_and_builds(mini, tmp_path):
    other = joined_later(mini, tmp_path)
    hook = other / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho tags are protected >&2\nexit 1\n")
    hook.chmod(0o755)
    same = ok(mini.build())
    assert (same["version"], same["new"], tags(mini)) == ("1.0.0", False, [])
    [told] = [text for text in same["warnings"] if "mini@v1.0.0" in text]
    assert "tags are protected" in told
    assert "`model-devops version repair`" in told
    hook.unlink()
    ok(mini.run("version", "repair"))
    assert tags(mini) == ["mini@v1.0.0"]


def test_V5_a_build_pushes_no_commits_that_nobody_pushed(mini, tmp_path):
    mini.git("switch", "-qc", "private")
    mini.commit(data__rows_dot_csv="secret\n")
    ok(mini.build())
    mini.git("switch", "-q", "main")
    mini.commit(data__rows_dot_csv="public\n")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "later.git")], check=True)
    mini.git("remote", "add", "origin", str(tmp_path / "later.git"))
    mini.git("push", "-q", "origin", "main")
    built = ok(mini.build())
    [told] = [text for text in built["warnings"] if "mini@v1.0.0" in text]
    assert (built["version"], tags(mini)) == ("1.1.0", ["mini@v1.1.0"])
    assert "is not in what is pushed" in told
    assert "`model-devops version repair`" in told


def test_V5_a_build_pushes_no_foreign_tag_for_a_release(mini, tmp_path):
    joined_later(mini, tmp_path)
    mini.git("tag", "-d", "mini@v1.0.0")
    mini.git("tag", "mini@v1.0.0")
    [told] = [text for text in ok(mini.build())["warnings"] if "mini@v1.0.0" in text]
    assert "not for this release" in told
    assert tags(mini) == []


class Clash(NamedTuple):
    """1.0.0 twice: in the store of `here`, and by the remote's tag, from another clone with another store."""

    here: Mini
    mine: dict
    theirs: dict
    mine_commit: str
    theirs_commit: str


@pytest.fixture
def clash(mini, tmp_path) -> Clash:
    model = (MODEL + SERVED).replace("PYTHON", PYTHON).replace("PORT", str(free_port()))
    first = mini.commit(**{"model.yaml": model})
    mine = ok(mini.build())
    ok(mini.run("test"))
    elsewhere = clone(joined_later(mini, tmp_path), tmp_path / "elsewhere")
    change(elsewhere)
    theirs = ok(elsewhere.build(MODEL_DEVOPS_HOME=str(tmp_path / "another-home")))
    assert (mine["version"], theirs["version"]) == ("1.0.0", "1.0.0")
    return Clash(mini, mine, theirs, first, elsewhere.git("rev-parse", "HEAD"))


@pytest.mark.parametrize(
    "verb",
    [
        "release show 1.0.0",
        "release verify v1.0.0",
        "verify mini@v1.0.0",
        "test --release 1.0.0",
        "plan test --release 1.0.0",
        "deploy test --release 1.0.0",
        "approve test --as ann --release 1.0.0",
        "store accept 1.0.0 --as ann --reason why",
        "release revoke 1.0.0 --as ann --reason why",
    ],
)
def test_V6_a_number_that_names_two_releases_is_no_name(clash, verb):
    refused = clash.here.run(*verb.split())
    assert (refused["code"], refused["error"]["kind"]) == (4, "other-content")
    told = refused["error"]["message"]
    for word in (clash.mine["digest"], clash.theirs["digest"], clash.mine_commit[:12], clash.theirs_commit[:12]):
        assert word in told
    assert "by its digest" in refused["error"]["hint"]
    assert "version repair" in refused["error"]["hint"]


def test_V6_what_lost_its_number_is_reached_by_its_digest_and_taken_by_no_environment(clash):
    digest = clash.mine["digest"]
    assert ok(clash.here.run("release", "show", digest))["release"]["digest"] == digest
    refused = clash.here.run("plan", "test", "--release", digest)
    assert (refused["code"], refused["error"]["kind"]) == (4, "same-content")
    assert clash.theirs["digest"] in refused["error"]["message"]
    chosen = clash.here.run("deploy", "test")
    assert (chosen["code"], chosen["error"]["kind"]) == (4, "same-content"), "chosen by the commit, not by the number"


def test_V6_version_list_and_repair_say_what_the_number_means_and_how_to_go_on(clash):
    listed = ok(clash.here.run("version", "list"))
    [row] = listed["versions"]
    assert row["commit"] == clash.theirs_commit[:12]
    assert clash.mine["digest"][:19] in row["state"]
    assert any(clash.mine["digest"] in text for text in listed["warnings"])
    refused = clash.here.run("version", "repair")
    assert (refused["code"], refused["error"]["kind"]) == (4, "not-repaired")
    [problem] = refused["error"]["problems"]
    assert clash.theirs["digest"] in problem["message"]
    assert f"{clash.mine['digest']} stays reachable by its digest" in problem["message"]
    assert "commit it on top of the release branch and build: it gets the next number" in problem["message"]


def test_V6_the_content_that_lost_its_number_gets_the_next_one_as_repair_says(clash):
    clash.here.git("pull", "-q", "--rebase", "origin", "main")
    clash.here.commit(data__rows_dot_csv="1\n2\n3\n")
    clash.here.git("push", "-q", "origin", "HEAD:main")
    built = ok(clash.here.build())
    assert (built["version"], built["new"]) == ("1.1.0", True)
    first, again = (ok(clash.here.run("release", "show", of["digest"])) for of in (clash.mine, built))
    assert first["record"]["identity"] == again["record"]["identity"]
    assert ok(clash.here.run("release", "show", "1.1.0"))["release"]["digest"] == built["digest"]


def test_V6_a_number_claimed_elsewhere_for_something_else_is_told_with_a_way_out(mini, tmp_path, home):
    elsewhere = clone(joined_later(mini, tmp_path), tmp_path / "elsewhere")
    claimed = ok(elsewhere.build(MODEL_DEVOPS_HOME=str(tmp_path / "another-home")))
    assert (claimed["version"], claimed["new"]) == ("1.0.0", True)
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "other-content")
    assert claimed["digest"] in refused["error"]["message"]
    assert str(home / "stores") in refused["error"]["message"]
    assert "build again" not in refused["error"]["hint"], "that would end here again"
    there = ok(mini.build("--store", str(tmp_path / "empty")))
    assert (there["version"], there["digest"]) == ("1.0.0", claimed["digest"])
    change(mini)
    assert ok(mini.build())["version"] == "1.1.0"
