"""Whole builds against a remote that fails, forbids, forgets or is used by others (B6, B7, V3–V5, S2)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mini_project import Mini, clone
from model_devops.release.layout import LayoutStore
from served import until


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def kind(result: dict) -> tuple[int, str]:
    return result["code"], result["error"]["kind"]


def hook(remote: Path, name: str, script: str) -> Path:
    path = remote / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def tags(mini: Mini) -> list[str]:
    """The tags that the remote has."""
    lines = mini.git("ls-remote", "--tags", "--refs", "origin").splitlines()
    return [line.split("refs/tags/")[1] for line in lines]


def store_of(home: Path) -> LayoutStore:
    return LayoutStore(next(home.glob("stores/*/mini")))


def whole(home: Path) -> LayoutStore:
    """The store, after every byte of it was looked at."""
    store = store_of(home)
    assert store.problems() == []
    assert [store.verify(stored) for stored in store.releases()] == [[] for _ in store.releases()]
    return store


def nothing_half_done(mini: Mini, home: Path) -> None:
    assert tags(mini) == []
    assert mini.git("tag", "--list") == ""
    assert whole(home).releases() == []
    assert mini.git("status", "--porcelain") == ""


def push(mini: Mini, **files: str) -> str:
    commit = mini.commit(**files)
    mini.git("push", "-q", "origin", "HEAD:main")
    return commit


def test_V3_a_build_whose_push_lost_its_answer_has_won_and_is_named(mini, remote, home):
    hook(remote, "reference-transaction", '[ "$1" = committed ] && kill -9 $PPID; exit 0')
    first = ok(mini.build())
    assert (first["version"], first["new"]) == ("1.0.0", True)
    assert (tags(mini), mini.git("tag", "--list")) == (["mini@v1.0.0"], "mini@v1.0.0")
    assert whole(home).find("1.0.0").digest == first["digest"]
    (remote / "hooks" / "reference-transaction").unlink()
    assert ok(mini.build())["new"] is False


def test_V3_a_push_that_died_on_its_way_is_unreachable_and_the_next_build_claims(mini, remote, home):
    died = hook(remote, "pre-receive", "kill -9 $PPID")
    failed = mini.build("--param", "seed=4")
    assert failed["code"] == 8, failed["err"]
    nothing_half_done(mini, home)
    died.unlink()
    assert ok(mini.build("--param", "seed=4"))["version"] == "1.0.0"


def test_V3_a_protected_tag_is_told_in_the_remotes_words_and_leaves_nothing_half_done(mini, remote, home):
    forbidden = hook(
        remote,
        "update",
        'case "$1" in refs/tags/*) echo "GL-HOOK-ERR: $1 is protected" >&2; exit 1;; esac',
    )
    refused = mini.build("--param", "seed=4")
    assert kind(refused) == (4, "push-refused"), refused["err"]
    assert "GL-HOOK-ERR: refs/tags/mini@v1.0.0 is protected" in refused["error"]["message"]
    assert "create tags mini@v*" in refused["error"]["hint"]
    nothing_half_done(mini, home)
    forbidden.unlink()
    again = ok(mini.build("--param", "seed=4"))
    assert (again["version"], again["new"]) == ("1.0.0", True)
    whole(home)


#: An ssh that reaches the remote on this machine, and lets this person read it and not push.
READ_ONLY_SSH = """\
#!/bin/sh
for command; do :; done
case "$command" in
*receive-pack*) echo "ERROR: Permission to team/model.git denied to reader." >&2; exit 128;;
*) eval "$command";;
esac
"""


def test_V3_without_the_right_to_push_the_build_says_so_and_leaves_nothing_half_done(mini, remote, home, tmp_path):
    ssh = tmp_path / "ssh"
    ssh.write_text(READ_ONLY_SSH)
    ssh.chmod(0o755)
    mini.git("remote", "set-url", "origin", f"ssh://reader@127.0.0.1{remote}")
    refused = mini.build(GIT_SSH_COMMAND=str(ssh), GIT_SSH_VARIANT="simple")
    assert kind(refused) == (4, "push-refused"), refused["err"]
    assert "denied to reader" in refused["error"]["message"]
    assert "the right to push" in refused["error"]["hint"]
    mini.git("remote", "set-url", "origin", str(remote))
    assert ok(mini.build())["version"] == "1.0.0"


def test_V5_the_number_of_a_deleted_tag_is_not_given_again(mini, remote, home):
    first = ok(mini.build())
    mini.git("push", "-q", "origin", ":mini@v1.0.0")
    mini.git("tag", "-d", "mini@v1.0.0")
    same = ok(mini.build())
    assert (same["version"], same["new"], same["digest"]) == ("1.0.0", False, first["digest"])
    assert tags(mini) == [], "only `version repair` puts it back"
    [told] = same["warnings"]
    assert "origin lacks the tag mini@v1.0.0 of what is released (nor has this clone)" in told
    assert "`model-devops version repair`" in told
    push(mini, **{"params.yaml": "seed: 7\n"})
    assert ok(mini.build())["version"] == "1.0.1"
    assert ok(mini.run("version", "repair"))["putBack"] == ["1.0.0"]
    assert tags(mini) == ["mini@v1.0.0", "mini@v1.0.1"]


@pytest.mark.parametrize("options", [[], ["--annotate", "--message", "by hand"]])
def test_V1_a_foreign_tag_of_our_name_burns_its_number_and_nothing_else(mini, remote, tmp_path, options):
    ok(mini.build())
    other = clone(remote, tmp_path / "other")
    other.git("tag", *options, "mini@v1.5.0")
    other.git("push", "-q", "origin", "mini@v1.5.0")
    assert ok(mini.build())["version"] == "1.0.0", "nothing new"
    push(mini, **{"params.yaml": "seed: 7\n"})
    built = ok(mini.build())
    assert (built["version"], built["release"]["reasons"][-1]["text"]) == ("1.5.1", "parameters changed")


def test_V1_after_a_foreign_tag_and_nothing_else_comes_a_major(mini, remote):
    mini.git("tag", "mini@v2.3.4")
    mini.git("push", "-q", "origin", "mini@v2.3.4")
    assert ok(mini.build())["version"] == "3.0.0"


def test_foreign_tags_are_nothing_to_a_build(mini, remote, tmp_path):
    other = clone(remote, tmp_path / "other")
    for name in ("v7.0.0", "mini", "mini@v1", "mini@v01.0.0", "mini@v9.0.0-rc.1", "mini-large@v4.0.0", "größe@v1.0.0"):
        other.git("tag", name)
        other.git("tag", "--annotate", "--message", "{", f"{name}-too")
    other.git("push", "-q", "--tags")
    assert ok(mini.build())["version"] == "1.0.0"
    assert mini.git("tag", "--list") == "mini@v1.0.0", "others' tags are not fetched into this clone's own"


def wiped(home: Path) -> None:
    folder = next(home.glob("stores/*/mini"))
    folder.rename(home / "wiped")


def test_V4_after_the_store_was_wiped_equal_bytes_are_the_same_release(mini, remote, home):
    first = ok(mini.build())
    wiped(home)
    again = ok(mini.build())
    assert (again["version"], again["new"], again["digest"]) == ("1.0.0", False, first["digest"])
    assert mini.trainings == 2, "its model was out of reach"
    assert [stored.version for stored in whole(home).releases()] == ["1.0.0"]


def test_V5_after_the_store_was_wiped_other_bytes_are_the_next_version(mini, remote, home):
    """Training that comes out differently each time: what the tag names can't be made again."""
    train = (mini.folder / "train.py").read_text()
    seed = "len(open('trained.log').read()) if pathlib.Path('trained.log').exists() else 0"
    push(mini, **{"train.py": "import pathlib\n" + train.replace('"<2f", seed', f'"<2f", {seed}')})
    first = ok(mini.build())
    wiped(home)
    again = ok(mini.build())
    assert (again["version"], again["new"]) == ("1.0.1", True)
    assert [reason["text"] for reason in again["release"]["reasons"]] == ["weights changed"]
    assert again["release"]["identity"] != first["release"]["identity"]
    assert tags(mini) == ["mini@v1.0.0", "mini@v1.0.1"]
    assert [stored.version for stored in whole(home).releases()] == ["1.0.1"]


def test_S2_a_test_after_the_store_was_wiped_says_where_it_looked(mini, remote, home):
    ok(mini.build())
    wiped(home)
    for arguments, expected in (([], "nothing-built"), (["--release", "1.0.0"], "not-in-store")):
        refused = mini.run("test", *arguments)
        assert kind(refused) == (4, expected)
        assert str(home / "stores") in refused["error"]["message"]
        assert refused["error"]["hint"]
    ok(mini.build())
    assert ok(mini.run("test"))["release"]["version"] == "1.0.0"


def test_B7_a_late_build_in_another_clone_is_superseded(mini, remote, tmp_path, home):
    ok(mini.build())
    push(mini, **{"params.yaml": "seed: 7\n"})
    late = clone(remote, tmp_path / "late")
    push(mini, **{"params.yaml": "seed: 8\n"})
    ok(mini.build())
    refused = late.build(MODEL_DEVOPS_HOME=str(tmp_path / "elsewhere"))
    assert kind(refused) == (4, "superseded"), refused["err"]
    assert late.trainings == 0, "it is known before anything runs"
    assert tags(mini) == ["mini@v1.0.0", "mini@v1.0.1"]


WAITS = """\
import pathlib, time
pathlib.Path("../started").write_text("")
while pathlib.Path("../hold").exists(): time.sleep(0.01)
"""


def held(other: Mini, store: Path) -> subprocess.Popen[str]:
    """A build that is in the middle of its training."""
    (other.folder.parent / "hold").write_text("")
    process = subprocess.Popen(
        [sys.executable, "-m", "model_devops", "--json", "build"],
        cwd=other.folder,
        env={**os.environ, "MODEL_DEVOPS_HOME": str(store)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until((other.folder.parent / "started").exists, 60)
    return process


def released(other: Mini, process: subprocess.Popen[str]) -> dict:
    (other.folder.parent / "hold").unlink()
    out, err = process.communicate(timeout=60)
    return json.loads(out) | {"code": process.returncode, "err": err}


def other_clone(mini: Mini, remote: Path, tmp_path: Path) -> Mini:
    push(mini, **{"train.py": WAITS + (mini.folder / "train.py").read_text()})
    (tmp_path / "other").mkdir()
    return clone(remote, tmp_path / "other" / "clone")


def test_B7_a_build_that_is_overtaken_while_it_trains_is_superseded_and_names_nothing(mini, remote, tmp_path):
    other = other_clone(mini, remote, tmp_path)
    process = held(other, tmp_path / "elsewhere")
    push(mini, **{"params.yaml": "seed: 8\n"})
    ok(mini.build())
    late = released(other, process)
    assert kind(late) == (4, "superseded"), late["err"]
    assert tags(mini) == ["mini@v1.0.0"]
    assert whole(tmp_path / "elsewhere").releases() == []


def test_B6_a_commit_that_left_the_release_branch_while_it_trained_claims_nothing(mini, remote, tmp_path):
    other = other_clone(mini, remote, tmp_path)
    process = held(other, tmp_path / "elsewhere")
    mini.git("push", "-q", "--force", "origin", "HEAD~1:main")
    gone = released(other, process)
    assert kind(gone) == (4, "superseded"), gone["err"]
    assert "does not have the commit" in gone["error"]["message"]
    assert tags(mini) == []


def test_V4_equal_work_that_was_claimed_while_this_trained_is_the_same_release(mini, remote, tmp_path):
    other = other_clone(mini, remote, tmp_path)
    process = held(other, tmp_path / "elsewhere")
    first = ok(mini.build())
    same = ok(released(other, process))
    assert (same["version"], same["new"], same["trained"]) == ("1.0.0", False, True)
    assert same["digest"] == first["digest"]
    assert whole(tmp_path / "elsewhere").find("1.0.0") is not None


def test_B7_an_old_commit_rebuilt_in_another_clone_returns_its_own_release(mini, remote, tmp_path):
    first = ok(mini.build())
    old = clone(remote, tmp_path / "old")
    push(mini, **{"params.yaml": "seed: 7\n"})
    ok(mini.build())
    again = ok(old.build())
    assert (again["version"], again["new"], again["digest"]) == ("1.0.0", False, first["digest"])


def test_S2_an_old_commit_rebuilt_without_its_store_says_what_can_be_done(mini, remote, tmp_path):
    ok(mini.build())
    old = clone(remote, tmp_path / "old")
    push(mini, **{"params.yaml": "seed: 7\n"})
    ok(mini.build())
    elsewhere = str(tmp_path / "elsewhere")
    refused = old.build(MODEL_DEVOPS_HOME=elsewhere)
    assert kind(refused) == (4, "not-in-store"), refused["err"]
    assert elsewhere in refused["error"]["message"]
    assert "--prerelease" in refused["error"]["hint"]
    assert "-" in ok(old.build("--prerelease", MODEL_DEVOPS_HOME=elsewhere))["version"]


def test_B6_a_dirty_tree_is_refused_before_the_remote_is_asked(mini, remote):
    (mini.folder / "params.yaml").write_text("seed: 9\n")
    remote.rename(remote.with_name("gone"))
    refused = mini.build()
    assert kind(refused) == (4, "dirty"), refused["err"]
    assert mini.trainings == 0


def test_B6_with_an_empty_remote_a_pre_release_is_made_that_says_what_to_push(mini, tmp_path):
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "empty.git")], check=True)
    mini.git("remote", "add", "origin", str(tmp_path / "empty.git"))
    built = ok(mini.build())
    assert built["version"].startswith("1.0.0-main-")
    assert "git push -u origin HEAD" in built["why"]
    assert "git push -u origin HEAD" in built["err"]
    mini.git("push", "-q", "-u", "origin", "HEAD")
    claimed = ok(mini.build())
    assert (claimed["version"], claimed["new"], claimed["trained"]) == ("1.0.0", True, True)


def test_B6_a_commit_that_the_release_branch_lacks_says_why_it_claims_nothing(mini, remote):
    mini.git("checkout", "-q", "-b", "feature/x")
    mini.commit(**{"params.yaml": "seed: 7\n"})
    built = ok(mini.build())
    assert built["version"].startswith("1.0.0-feature-x-")
    assert "origin's main does not have the commit" in built["why"]
    assert tags(mini) == []


def test_B8_offline_a_branch_is_built_and_only_claiming_needs_the_remote(mini, remote, home, tmp_path):
    ok(mini.build())
    mini.git("checkout", "-q", "-b", "feature/x")
    mini.commit(**{"params.yaml": "seed: 7\n"})
    remote.rename(remote.with_name("gone"))
    built = ok(mini.build())
    assert built["version"].startswith("1.0.1-feature-x-"), "the number that this clone knows of is the base"
    assert any("did not answer" in warning for warning in built["warnings"])
    [said] = store_of(home).evidence(built["digest"], "built")
    assert not said.body.on_release_branch
    other = ok(mini.build(MODEL_DEVOPS_HOME=str(tmp_path / "elsewhere")))
    assert other["version"] == built["version"], "V4: the tags suffice"
    mini.git("checkout", "-q", "main")
    assert mini.build("--param", "seed=9")["code"] == 8
    assert mini.git("status", "--porcelain") == "", "parameters are put back"


def model_yaml(mini: Mini, more: str) -> str:
    return (mini.folder / "model.yaml").read_text() + more


def test_P1_the_release_branch_is_what_the_default_branch_says_not_what_is_built(mini, remote):
    mini.git("checkout", "-q", "-b", "mine")
    mini.commit(**{"model.yaml": model_yaml(mini, "release_branch: mine\n")})
    mini.git("push", "-q", "origin", "mine")
    assert "-mine-" in ok(mini.build())["version"], "who builds can't say that he may"
    mini.git("checkout", "-q", "main")
    push(mini, **{"model.yaml": model_yaml(mini, "release_branch: stable\n")})
    mini.git("push", "-q", "origin", "main~1:refs/heads/stable")
    assert "-main-" in ok(mini.build())["version"]
    mini.git("push", "-q", "origin", "main:stable")
    assert ok(mini.build())["version"] == "1.0.0"


def test_P1_what_another_model_at_this_path_says_of_its_release_branch_is_nothing_to_us(mini, remote, tmp_path):
    old = clone(remote, tmp_path / "old")
    push(mini, **{"model.yaml": model_yaml(mini, "release_branch: nowhere\n").replace("name: mini", "name: other")})
    assert ok(old.build())["version"] == "1.0.0"
