"""What is told of an environment: history from evidence alone, plan and status while a revision is pending (D9)."""

import os
import signal

from served import tamper, until


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def rows(served, environment: str = "production") -> list[dict]:
    return ok(served.run("history", environment))["history"]


TOLD = (
    *("revision", "id", "action", "version", "release", "status", "by", "why", "proof", "basis"),
    *("restored", "broken", "delta"),
)


def test_D9_history_is_the_same_from_evidence_alone(served, tmp_path):
    """Deployed, failed and restored, rolled back, deployed again, broken, and a failed later proof."""
    first = served.release()
    ok(served.run("deploy", "production", "--reason", "the first"))
    second = served.release("seed: 2\n")
    ok(served.run("deploy", "production"))
    served.release("seed: 3\nwrong: 1\n")
    assert served.run("deploy", "production")["code"] == 5
    ok(served.run("rollback", "production", "--reason", "slower"))
    tamper(served, "production", 4)
    again = ok(served.run("deploy", "production", "--release", first))
    assert (again["changed"], again["revision"]["number"]) == (True, 5)
    tamper(served, "production", 5)
    stores = served.home / "stores"
    held = {path: path.read_bytes() for path in stores.rglob("sha256/*")}
    weights = (served.state("production") / "files" / "5" / "model" / "weights.safetensors").read_bytes()[:-1]
    (blob,) = [path for path, data in held.items() if weights in data and "files" not in path.parts]
    blob.rename(tmp_path / "away")
    bad = served.run("deploy", "production")
    assert bad["code"] == 6, bad["err"]
    (tmp_path / "away").rename(blob)
    known = rows(served)
    assert [row["status"] for row in known] == ["failed", "verified", "proof-failed", "failed", "verified", "verified"]
    assert [row["action"] for row in known] == ["deploy", "deploy", "rollback", "deploy", "deploy", "deploy"]
    assert (known[0]["broken"], known[3]["restored"]) == (bad["revision"]["broken"], second)
    assert known[-1]["why"] == "the first"
    assert known[-1]["when"] <= known[-2]["when"]
    for row in known:
        assert row["evidence"], "what it was decided on, and what it came to"
    (served.state("production") / "revisions").rename(tmp_path / "revisions")
    said = [row for row in rows(served) if row["status"] != "proof-failed"]
    expected = [row | ({"status": "verified"} if row["status"] == "proof-failed" else {}) for row in known]
    for row, wanted in zip(said, expected, strict=True):
        assert {name: row[name] for name in TOLD} == {name: wanted[name] for name in TOLD}, wanted["revision"]
    (tmp_path / "revisions").rename(served.state("production") / "revisions")


def test_D9_history_says_what_each_decision_rested_on(served, tmp_path):
    """In words for people, and by digest for programs; from evidence alone it is the same."""
    text = (served.folder / "model.yaml").read_text()
    demands = 'requires: [tested, "deployed:test"], approval: true, '
    served.commit(
        **{"model.yaml": text.replace("production: {target: local, ", "production: {target: local, " + demands)}
    )
    version = served.release()
    ok(served.run("test"))
    ok(served.run("deploy", "test"))
    approved = ok(served.run("approve", "production", "--as", "Ada"))["evidence"]
    ok(served.run("deploy", "production"))
    ok(served.run("stop", "production"))
    told = [line for line in ok(served.run("history", "production"))["err"].splitlines() if version in line]
    assert len(told) == 1
    assert "tested, verified in test, approved by Ada" in told[0]
    stopped, deployed = rows(served)
    assert stopped["basis"] == []
    assert rows(served, "test")[0]["basis"] == []
    assert [(one["kind"], one["by"]) for one in deployed["basis"]][-1] == ("approved", "Ada")
    assert deployed["basis"][-1]["digest"] == approved
    assert [one["kind"] for one in deployed["basis"]] == ["tested", "deployed", "approved"]
    assert [one["digest"] for one in deployed["basis"]] == deployed["evidence"][:-1]
    (served.state("production") / "revisions").rename(tmp_path / "revisions")
    assert rows(served)[0]["basis"] == deployed["basis"]
    (tmp_path / "revisions").rename(served.state("production") / "revisions")


def test_D9_two_environments_have_two_histories(served):
    version = served.release()
    ok(served.run("deploy", "test"))
    ok(served.run("deploy", "production"))
    served.commit(**{"README": "x"})
    assert [(row["revision"], row["version"]) for row in rows(served, "test")] == [(1, version)]
    assert [(row["revision"], row["version"]) for row in rows(served)] == [(1, version)]
    assert rows(served, "test")[0]["id"] != rows(served)[0]["id"]


def test_D9_evidence_is_written_once_for_each_revision(served):
    served.release()
    ok(served.run("deploy", "production"))
    count = len(rows(served)[0]["evidence"])
    for _ in range(2):
        ok(served.run("deploy", "production"))
    assert len(rows(served)[0]["evidence"]) == count


def test_D9_evidence_that_can_not_be_written_fails_no_rollout_and_is_added_later(served):
    """The store's folder of blobs can't take a file for as long as a file is where that folder belongs."""
    served.release()
    ok(served.run("deploy", "production"))
    server = served.folder / "serve.py"
    (layout,) = {path.parent.parent for path in (served.home / "stores").rglob("blobs/sha256")}
    away = layout.with_name("away")
    take = f"import os; os.rename({str(layout)!r}, {str(away)!r}); open({str(layout)!r}, 'w').close()\n"
    served.commit(**{"serve.py": take + server.read_text()})
    served.release("seed: 2\n")
    done = ok(served.run("deploy", "production"))
    assert "evidence of revision 2 could not be written" in done["notes"][-1]
    layout.unlink()
    away.rename(layout)
    server.write_text(server.read_text().removeprefix(take))
    ok(served.run("stop", "production"))
    assert [bool(row["evidence"]) for row in rows(served) if row["release"]] == [True, True]


def test_D8_a_rollback_takes_the_settings_that_were_read_last(served):
    first = served.release()
    served.set_env("test", ROUND="1")
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    served.set_env("test", ROUND="2")
    ok(served.run("deploy", "test", "--release", second))
    served.set_env("test", ROUND="3")
    ok(served.run("rollback", "test"))
    seen = served.get("/env")
    assert (seen["MODEL_DEVOPS_VERSION"], seen["ROUND"]) == (first, "2"), "the last that a deploy read, not today's"


def test_D10_a_demand_for_proof_that_is_new_holds_from_the_next_run_on(served):
    """Also for the run that recovers: it goes by the policy that was read last."""
    served.release()
    ok(served.run("deploy", "production"))
    text = (served.folder / "model.yaml").read_text()
    served.commit(
        **{"model.yaml": text.replace("  digest: /model\n", "").replace("[measured, reported]", "[measured]")}
    )
    silent = served.release("seed: 2\n")
    killed = served.run("deploy", "production", MODEL_DEVOPS_CRASH_AT="rollout.after-proof")
    assert killed["code"] == -signal.SIGKILL
    demand = "production: {target: local, proof: [reported],"
    served.commit(**{"model.yaml": text.replace("production: {target: local,", demand)})
    failed = served.run("deploy", "production", "--release", silent)
    assert failed["code"] == 5, failed["err"]
    assert "proof reported is demanded and not available" in failed["error"]["message"]
    assert [item["status"] for item in served.revisions("production")] == ["verified", "interrupted", "failed"]


def test_D6_plan_and_status_tell_of_a_pending_revision_and_leave_it_so(served):
    first = served.release()
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    assert served.run("deploy", "test", MODEL_DEVOPS_CRASH_AT="rollout.after-apply")["code"] == -signal.SIGKILL
    until(served.answers)
    planned = ok(served.run("plan", "test"))
    assert planned["warnings"] == ["revision 2 is pending: the next run on test checks it first"]
    told = ok(served.run("status", "test"))
    (seen,) = told["environments"]
    assert (seen["revision"]["version"], seen["running"]["version"], seen["pending"]["number"]) == (first, second, 2)
    assert seen["remarks"] == [
        f"revision 2 ({second}, pending) runs instead of revision 1 ({first})",
        f"revision 2 (deploy of {second}) is unfinished: its run goes on, or was killed; then the next deploy, rollback"
        f" or stop here first proves {second}, smoke requests included, or brings {first} back",
    ]
    assert told["summary"].startswith(f"mini test: {second} ")
    row = next(line for line in told["err"].splitlines() if line.startswith("test "))
    assert row.split()[1:6] == [second, "2", "ready,", "measured,", "pending"], "what runs, not what is meant to"
    tamper(served, "test", 2)
    (seen,) = ok(served.run("status", "test"))["environments"]
    assert seen["runs"] == "unknown", "bytes that nobody released"
    assert any(text.startswith("the model's files were changed") for text in seen["remarks"])
    tamper(served, "test", 2)
    assert served.revisions()[-1]["status"] == "pending"
    ok(served.run("deploy", "test"))
    assert [len(row["evidence"]) for row in rows(served, "test")] == [len(rows(served, "test")[1]["evidence"])] * 2
    assert {row["status"] for row in rows(served, "test")} == {"verified"}, "nothing was said while it was pending"


def test_status_tells_of_a_server_that_is_not_ready_and_of_one_that_nobody_explains(served):
    served.release()
    ok(served.run("deploy", "test"))
    server = served.run_state()["server"]["pid"]
    os.kill(server, signal.SIGSTOP)
    try:
        assert ok(served.run("status", "test"))["environments"][0]["remarks"] == ["it is not ready"]
    finally:
        os.kill(server, signal.SIGCONT)
    record = served.state() / "revisions" / "1.json"
    held = record.read_text()
    record.write_text(held.replace('"verified"', '"failed"'))
    remarks = ok(served.run("status", "test"))["environments"][0]["remarks"]
    assert remarks == ["revision 1 (1.0.0, failed) runs instead of nothing"]
    record.unlink()
    (seen,) = ok(served.run("status", "test"))["environments"]
    assert (seen["runs"], seen["running"], seen["remarks"][0]) == (
        "unknown",
        None,
        "what no record names runs instead of nothing",
    )
    record.write_text(held)


def test_D6_status_tells_what_the_next_run_does_about_a_killed_first_deploy_and_a_killed_stop(served):
    version = served.release()
    assert served.run("deploy", "test", MODEL_DEVOPS_CRASH_AT="rollout.before-apply")["code"] == -signal.SIGKILL
    (seen,) = ok(served.run("status", "test"))["environments"]
    assert (seen["runs"], seen["revision"]) == ("nothing", None)
    (remark,) = seen["remarks"]
    assert remark.endswith(f"first proves {version}, smoke requests included, or leaves nothing running")
    ok(served.run("deploy", "test"))
    assert served.run("stop", "test", MODEL_DEVOPS_CRASH_AT="rollout.after-apply")["code"] == -signal.SIGKILL
    told = ok(served.run("status", "test"))
    (seen,) = told["environments"]
    assert (seen["runs"], seen["running"], told["summary"].split()[2]) == ("nothing", None, "nothing")
    assert seen["remarks"][0].startswith("it does not run: ")
    assert "(stop) is unfinished" in seen["remarks"][1]
    assert seen["remarks"][1].endswith(f"first sees that nothing runs, or brings {version} back")
    row = next(line for line in told["err"].splitlines() if line.startswith("test "))
    assert row.split()[1:6] == ["nothing", "2", version, "not", "running"], "what was meant to run, and doesn't"


def test_status_tells_that_what_runs_was_rejected(served):
    version = served.release()
    ok(served.run("deploy", "test"))
    ok(served.run("deploy", "production"))
    ok(served.run("approve", "test", "--release", version, "--reject", "--reason", "slow", "--as", "Ada"))
    assert ok(served.run("status", "production"))["environments"][0]["remarks"] == ["its release was rejected"]


def test_D10_a_servers_other_word_is_told_by_status(served):
    """It loads again what somebody changed for a moment: its word differs, its files don't."""
    served.release("seed: 1\nfrom_file: 1\n")
    said = served.folder.parent / "said"
    server = (served.folder / "serve.py").read_text()
    loads = (
        f'answers = {{"/model": {{"digest": open({str(said)!r}).read() if os.path.exists({str(said)!r}) else loaded}},'
    )
    changed = server.replace('answers = {"/ready"', loads + ' "/ready"').replace('"/model": {"digest": loaded}, ', "")
    served.commit(**{"serve.py": changed})
    served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    said.write_text("sha256:" + "1" * 64)
    (remark,) = ok(served.run("status", "test"))["environments"][0]["remarks"]
    assert remark.startswith("the server reports another model: sha256:1111")
