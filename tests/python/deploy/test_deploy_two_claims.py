"""An environment and a number that names two releases (V6): the environment knows only the one that it took."""

import subprocess

from mini_project import clone
from served import Served


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def test_V6_rollback_to_a_number_means_what_ran_there_whatever_the_remote_calls_so(served: Served, tmp_path):
    first = served.release()
    mine = ok(served.run("deploy", "test"))["release"]["digest"]
    served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    remote = tmp_path / "later.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
    served.git("remote", "add", "origin", str(remote))
    served.git("push", "-q", "origin", "main")
    elsewhere, other_home = clone(remote, tmp_path / "elsewhere"), str(tmp_path / "another-home")
    theirs = ok(elsewhere.build(MODEL_DEVOPS_HOME=other_home))
    assert (theirs["version"], theirs["digest"] != mine) == (first, True)
    ok(served.run("adopt", "test", "--reason", "it has a remote now"))
    their_stores = next((tmp_path / "another-home" / "stores").iterdir())
    refused = served.run("plan", "test", "--release", theirs["digest"], "--store", str(their_stores))
    assert f"test knows {first} as {mine[:19]}" in refused["err"], "so a number has one meaning there"
    back = ok(served.run("rollback", "test", "--to", first))
    assert back["revision"]["release"] == mine
