"""A clone that released on its own before it got a remote: its numbers are not the remote's yet (V5, V6)."""

import subprocess
from pathlib import Path

from mini_project import Mini, clone


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


def test_V5_a_build_says_which_numbers_the_remote_does_not_know(mini, tmp_path):
    joined_later(mini, tmp_path)
    same = ok(mini.build())
    assert (same["version"], same["new"], tags(mini)) == ("1.0.0", False, [])
    assert len(same["warnings"]) == 1
    assert "origin lacks the tag of what is released: mini@v1.0.0" in same["warnings"][0]
    assert "`model-devops version repair`" in same["warnings"][0]
    change(mini)
    assert "mini@v1.0.0" in ok(mini.build())["warnings"][0]
    ok(mini.run("version", "repair"))
    assert tags(mini) == ["mini@v1.0.0", "mini@v1.1.0"]
    assert ok(mini.build())["warnings"] == []


def test_V6_a_number_claimed_elsewhere_for_something_else_is_told_with_a_way_out(mini, tmp_path, home):
    elsewhere = clone(joined_later(mini, tmp_path), tmp_path / "elsewhere")
    claimed = ok(elsewhere.build(MODEL_DEVOPS_HOME=str(tmp_path / "another-home")))
    assert (claimed["version"], claimed["new"]) == ("1.0.0", True)
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "other-content")
    assert claimed["digest"][:19] in refused["error"]["message"]
    assert str(home / "stores") in refused["error"]["message"]
    assert "build again" not in refused["error"]["hint"], "that would end here again"
    there = ok(mini.build("--store", str(tmp_path / "empty")))
    assert (there["version"], there["digest"]) == ("1.0.0", claimed["digest"])
    change(mini)
    assert ok(mini.build())["version"] == "1.1.0"
