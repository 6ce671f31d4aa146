"""Going back, staying back, and stopping (D8, A3, D3, S6, V7)."""

import subprocess

import pytest

from model_devops import faults
from model_devops.adapters.files import locked
from served import of_home


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def version_that_runs(served, environment="test") -> str:
    return served.get("/env", environment)["MODEL_DEVOPS_VERSION"]


def two(served) -> tuple[str, str]:
    first = served.release()
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    assert sorted(path.name for path in (served.state() / "files").iterdir()) == ["2", "2.json"], "no more is needed"
    return first, second


def test_D8_rollback_is_a_new_revision_and_blocks_what_it_replaced_until_unblock(served):
    first, second = two(served)
    back = ok(served.run("rollback", "test", "--reason", "worse on night shifts"))
    assert version_that_runs(served) == first
    assert (back["revision"]["number"], back["revision"]["replacedVersion"]) == (3, second)
    refused = served.run("deploy", "test", "--release", second)
    assert refused["code"] == 4, refused["err"]
    nothing = served.run("rollback", "test")
    assert (nothing["code"], nothing["error"]["kind"]) == (4, "no-rollback")
    assert served.run("unblock", "test")["code"] == 2, "a reason is asked for"
    ok(served.run("unblock", "test", "--reason", "it was the camera"))
    ok(served.run("deploy", "test", "--release", second))
    assert version_that_runs(served) == second
    ok(served.run("rollback", "test", "--to", first))
    assert served.run("deploy", "test", "--release", second)["code"] == 4, "blocked again by the later rollback"


def test_D8_of_several_blocked_releases_unblock_lets_the_one_named_return(served):
    first, second = two(served)
    ok(served.run("rollback", "test"))
    third = served.release("seed: 3\n")
    ok(served.run("deploy", "test"))
    ok(served.run("rollback", "test", "--to", first))
    several = served.run("unblock", "test", "--reason", "which?")
    assert (several["code"], several["error"]["kind"]) == (4, "several-blocked")
    assert f"{second}, {third}" in several["error"]["message"]
    assert "--release" in several["error"]["hint"]
    unknown = served.run("unblock", "test", "--release", first, "--reason", "it runs")
    assert (unknown["code"], unknown["error"]["kind"]) == (4, "not-blocked")
    assert f"blocked: {second}, {third}" in unknown["error"]["message"]
    ok(served.run("unblock", "test", "--release", served.revisions()[1]["release"], "--reason", "it was the camera"))
    assert served.run("deploy", "test", "--release", third)["code"] == 4, "only the one named"
    ok(served.run("unblock", "test", "--reason", "the last one"))
    again = served.run("unblock", "test", "--reason", "none is left")
    assert (again["code"], again["error"]["message"]) == (4, "nothing is blocked in test")
    ok(served.run("deploy", "test", "--release", second))
    ok(served.run("deploy", "test", "--release", third))


@pytest.mark.parametrize("verb", ["adopt", "unblock"])
def test_D3_a_persons_act_on_an_environment_waits_for_who_holds_it(served, verb):
    two(served)
    ok(served.run("rollback", "test"))
    before = (served.state() / "place.json").read_bytes()
    with locked(served.state() / "lock", wait=False):
        busy = served.run(verb, "test", "--reason", "now")
    assert (busy["code"], busy["error"]["kind"]) == (7, "busy")
    assert (served.state() / "place.json").read_bytes() == before


def test_D8_the_replaced_bytes_do_not_come_back_as_a_new_version(served):
    _, bad = two(served)
    ok(served.run("rollback", "test", "--reason", "worse on night shifts"))
    served.release("seed: 3\n")
    again = served.release("seed: 2\n")
    assert again != bad, "a revert is a new version of the old bytes (B4)"
    refused = served.run("deploy", "test", "--release", again)
    assert (refused["code"], refused["error"]["kind"]) == (4, "blocked"), refused["err"]
    assert f"rolled {bad}, which has the same bytes, back (worse on night shifts)" in refused["error"]["message"]
    ok(served.run("unblock", "test", "--release", bad, "--reason", "it was the camera"))
    ok(served.run("deploy", "test", "--release", again))
    assert version_that_runs(served) == again


def test_D8_the_same_bytes_are_nothing_to_go_back_to(served):
    first = served.release()
    pre = ok(served.build("--prerelease"))["version"]
    for release in (first, pre):
        ok(served.run("deploy", "test", "--release", release))
    refused = served.run("rollback", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "no-rollback"), refused["err"]
    assert f"it has the bytes of {pre}, which runs" in refused["err"]


def test_D8_rollback_needs_no_reachable_git_remote(served, tmp_path):
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    served.git("remote", "add", "origin", str(bare))
    served.git("push", "-q", "-u", "origin", "main")
    first = ok(served.build())["version"]
    ok(served.run("deploy", "production"))
    served.commit(**{"params.yaml": "seed: 2\n"})
    served.git("push", "-q")
    second = ok(served.build())["version"]
    ok(served.run("deploy", "production"))
    bare.rename(tmp_path / "gone.git")
    assert served.run("deploy", "production", "--release", second)["code"] == 8
    ok(served.run("rollback", "production"))
    assert version_that_runs(served, "production") == first


def test_D8_a_named_release_that_was_never_verified_there_is_refused(served):
    first, _ = two(served)
    never = served.release("seed: 3\n")
    refused = served.run("rollback", "test", "--to", never)
    assert (refused["code"], refused["error"]["kind"]) == (4, "not-verified-here")
    assert refused["error"]["hint"] == f"test can go back to: {first}"


def test_D8_rollback_finds_releases_by_what_people_write_as_all_verbs_do(served):
    first, second = two(served)
    digest = served.revisions()[0]["release"]
    for named in (first, f"v{first}", f"mini@v{first}", f"mini@{first}", digest):
        assert ok(served.run("rollback", "test", "--dry-run", "--to", named))["to"] == first, named
    unknown = served.run("rollback", "test", "--to", "v9.9.9")
    assert (unknown["code"], unknown["error"]["kind"]) == (4, "not-in-store")
    assert "has no release v9.9.9 of mini" in unknown["error"]["message"]
    both = served.run("rollback", "tets", "--to", "v9.9.9")
    assert [both["code"], len(both["error"]["problems"])] == [2, 2], "all at once"
    ok(served.run("rollback", "test", "--to", f"mini@v{first}"))
    assert version_that_runs(served) == first
    ok(served.run("unblock", "test", "--release", f"mini@v{second}", "--reason", "it was the camera"))


def test_B1_rollback_runs_the_old_bytes_with_the_old_command(served):
    served.release()
    ok(served.run("deploy", "test"))
    model = (served.folder / "model.yaml").read_text().replace("exec ", "NEW_COMMAND=1 exec ")
    served.commit(**{"model.yaml": model})
    served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    assert "NEW_COMMAND" in served.get("/env")
    ok(served.run("rollback", "test"))
    assert "NEW_COMMAND" not in served.get("/env")


def test_D8_a_revoked_release_is_no_way_back(served):
    first, _ = two(served)
    ok(served.run("release", "revoke", first, "--reason", "licence"))
    refused = served.run("rollback", "test")
    assert refused["code"] == 4
    assert "revoked" in refused["error"]["problems"][0]["message"]


def test_S6_status_says_that_what_runs_is_revoked(served):
    version = served.release()
    ok(served.run("deploy", "test"))
    ok(served.run("release", "revoke", version, "--reason", "licence"))
    assert "test: its release is revoked" in ok(served.run("status"))["warnings"]


def test_D5_a_revoked_release_comes_back_and_the_result_says_so(served):
    version = served.release()
    ok(served.run("deploy", "test"))
    ok(served.run("release", "revoke", version, "--reason", "licence"))
    served.release("seed: 2\ncrash: 1\n")
    failed = served.run("deploy", "test")
    assert failed["code"] == 5, failed["err"]
    assert f"{version} runs again although it was revoked" in failed["error"]["message"]
    assert version_that_runs(served) == version


def test_D8_a_release_whose_bytes_are_gone_is_no_way_back(served):
    first = served.release()
    weights = (served.folder / "model" / "weights.safetensors").read_bytes()
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    (blob,) = [path for path in (served.home / "stores").rglob("sha256/*") if weights in path.read_bytes()]
    blob.unlink()
    refused = served.run("rollback", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "no-rollback"), refused["err"]
    assert refused["error"]["problems"][0]["message"].startswith(f"{first}: it is not whole: model/weights.safetensors")
    assert version_that_runs(served) == second, "nothing was stopped"


def test_A3_a_rejected_release_is_taken_back(served):
    first, second = two(served)
    done = ok(served.run("approve", "test", "--release", second, "--reject", "--reason", "slow", "--as", "Ada"))
    assert done, "recorded"
    assert version_that_runs(served) == first
    assert served.run("deploy", "test", "--release", second)["code"] == 4


@pytest.mark.parametrize("point", [name for name in faults.POINTS if name.startswith("approve.")])
def test_A3_a_run_killed_after_the_rejection_is_finished_by_the_next_one(served, point):
    version = served.release()
    ok(served.run("deploy", "test"))
    arguments = ("approve", "test", "--release", version, "--reject", "--reason", "slow", "--as", "Ada")
    assert served.run(*arguments, MODEL_DEVOPS_CRASH_AT=point)["code"] == -9
    assert served.answers()
    served.run("deploy", "test", "--release", version)
    assert not served.answers(), "there is nothing to go back to, so nothing runs"
    assert served.revisions()[-1]["action"] == "stop"


def test_D2_stop_is_a_revision_and_stopping_twice_is_none(served, home):
    version = served.release()
    ok(served.run("deploy", "test"))
    assert ok(served.run("stop", "test", "--reason", "moved"))["changed"]
    assert not of_home(home)
    assert not ok(served.run("stop", "test"))["changed"]
    assert [item["action"] for item in served.revisions()] == ["deploy", "stop"]
    told = ok(served.run("status", "test"))
    assert told["healthy"]
    row = next(line for line in told["err"].splitlines() if line.startswith("test "))
    assert " stopped " in row, "and not like a crash"
    assert row.endswith(": moved")
    ok(served.run("rollback", "test"))
    assert version_that_runs(served) == version


def test_V7_history_shows_the_time_between_promotions(served):
    two(served)
    ok(served.run("rollback", "test"))
    told = ok(served.run("history", "test"))
    rows = told["history"]
    assert [row["action"] for row in rows] == ["rollback", "deploy", "deploy"]
    assert rows[1]["delta"] > 0
    assert (rows[0]["delta"], rows[2]["delta"], told["cadence"]["n"]) == (None, None, 1)
    assert rows[1]["downtime"] > 0
