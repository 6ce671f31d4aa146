"""Rolling out by the real command: proof, early failure, restore, order, lock (D1–D5, D7, D10, D11)."""

import getpass
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from model_devops.serving import model_digest
from served import tamper, until


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def evidence(served, environment="test") -> list:
    return ok(served.run("history", environment))["history"]


def test_D10_deploy_proves_that_the_released_bytes_are_served(served):
    version = served.release()
    result = ok(served.run("deploy", "test", "--reason", "first"))
    assert served.get("/model")["digest"] == result["release"]["artifacts"]["model"]
    assert result["revision"]["proof"] == ["measured", "reported"]
    assert (result["revision"]["version"], result["revision"]["status"]) == (version, "verified")
    assert "downtime" not in result["revision"], "nothing ran that could have been down"
    assert (result["revision"]["reason"], result["revision"]["by"]) == ("first", getpass.getuser())
    copy = served.state() / "files" / "1"
    assert model_digest.digest(str(copy / "model")) == result["release"]["artifacts"]["model"]
    assert not (copy / "data").exists()
    assert not any(path.stat().st_mode & 0o222 for path in [copy, *copy.rglob("*")]), "the copy is read-only"
    row = evidence(served)[0]
    assert (row["status"], row["why"], row["proof"]) == ("verified", "first", ["measured", "reported"])
    assert row["evidence"]


def test_server_gets_its_identity_and_nothing_of_ci(served):
    served.release()
    secrets = {"JENKINS_NODE_COOKIE": "x", "BUILD_ID": "7", "AWS_SECRET_ACCESS_KEY": "y", "MY_TOKEN": "z"}
    ok(served.run("deploy", "test", **secrets))
    seen = served.get("/env")
    assert not set(seen) & set(secrets)
    assert seen["MODEL_DEVOPS_VERSION"] == "1.0.0"
    assert (seen["MODEL_DEVOPS_ENVIRONMENT"], seen["PORT"]) == ("test", str(served.ports["test"]))


def test_D4_the_same_again_is_proved_without_a_new_revision(served):
    served.release()
    ok(served.run("deploy", "test"))
    before = served.run_state()["server"]
    again = ok(served.run("deploy", "test"))
    assert not again["changed"]
    assert served.run_state()["server"] == before
    assert len(served.revisions()) == 1


def test_D4_a_changed_copy_fails_its_proof_and_is_rolled_out_as_new(served):
    served.release()
    ok(served.run("deploy", "production"))
    tamper(served, "production", 1)
    told = ok(served.run("status", "production"))
    assert not told["healthy"]
    assert "were changed" in told["warnings"][0]
    again = ok(served.run("deploy", "production"))
    assert (again["changed"], again["revision"]["number"]) == (True, 2)
    assert ok(served.run("status", "production"))["healthy"]
    assert [row["status"] for row in evidence(served, "production")] == ["verified", "proof-failed"]


def test_status_checks_for_a_ci_and_only_tells_people(served):
    served.release()
    assert ok(served.run("status", "--check"))["healthy"], "nothing was deployed, and nothing runs"
    ok(served.run("deploy", "production"))
    assert ok(served.run("status", "--check"))["healthy"]
    tamper(served, "production", 1)
    assert not ok(served.run("status"))["healthy"]
    for arguments in (["--check"], ["production", "--check"]):
        refused = served.run("status", *arguments)
        assert (refused["code"], refused["error"]["kind"], refused["healthy"]) == (4, "unhealthy", False)
        assert "production: the model's files were changed" in refused["error"]["message"]
        assert refused["environments"][-1]["remarks"], "with all that plain status says"
    assert served.run("status", "test", "--check")["code"] == 0
    ok(served.run("deploy", "production"))
    assert ok(served.run("status", "--check"))["healthy"]


def test_D5_first_rollout_that_crashes_fails_early_and_leaves_nothing(served):
    served.release("seed: 1\ncrash: 1\n")
    began = time.monotonic()
    failed = served.run("deploy", "test")
    assert (failed["code"], failed["status"]) == (5, "restored"), failed["err"]
    assert time.monotonic() - began < 15, "start_timeout is 20 s, and the crash was seen at once"
    assert "cannot load the model" in failed["error"]["message"]
    assert "cannot load the model" in (served.folder / failed["reports"][0]["path"]).read_text()
    assert failed["revision"]["restored"] == "nothing"
    assert not served.answers()
    assert evidence(served)[0]["status"] == "failed"


def test_D1_ci_finds_the_report_and_the_log_of_an_attempt_below_the_workspace(served):
    served.release("seed: 1\ncrash: 1\n")
    failed = served.run("deploy", "test")
    report, log = (served.folder / item["path"] for item in failed["reports"])
    assert {report.parent, log.parent} == {served.folder / ".model-devops" / "reports"}
    kept = served.state() / "reports" / "1.txt"
    assert report.read_bytes() == kept.read_bytes(), "the environment keeps its own"
    assert failed["revision"]["report"] == str(kept)
    assert "cannot load the model" in log.read_text()
    assert served.git("status", "--porcelain") == "", "git ignores them"
    assert [item["title"] for item in failed["reports"]] == ["deploy-test-1: 1.txt", "deploy-test-1: 1.log"]


def test_D6_the_report_of_a_run_that_was_killed_is_in_the_next_ones_result(served):
    first = served.release()
    ok(served.run("deploy", "test"))
    served.release("seed: 2\nwrong: 1\n")
    assert served.run("deploy", "test", MODEL_DEVOPS_CRASH_AT="rollout.after-apply")["code"] == -9
    again = ok(served.run("deploy", "test", "--release", first))
    assert "GET /predict gave 500" in (served.folder / again["reports"][0]["path"]).read_text()
    assert not again["changed"], "it ran before, and was brought back"


def test_D6_a_run_that_finishes_a_killed_one_and_fails_itself_has_the_reports_of_both(served):
    served.release()
    ok(served.run("deploy", "test"))
    for number in (2, 3):
        version = served.release(f"seed: {number}\nwrong: 1\n")
        if number == 2:
            assert served.run("deploy", "test", MODEL_DEVOPS_CRASH_AT="rollout.after-apply")["code"] == -9
    failed = served.run("deploy", "test", "--release", version)
    assert failed["code"] == 5, failed["err"]
    titles = [item["title"].partition(":")[0] for item in failed["reports"]]
    assert titles == ["deploy-test-2", "deploy-test-2", "deploy-test-3", "deploy-test-3"]
    assert all((served.folder / item["path"]).is_file() for item in failed["reports"])


def test_S3_a_revision_names_the_evidence_that_it_was_decided_on(served):
    text = (served.folder / "model.yaml").read_text()
    served.commit(**{"model.yaml": text.replace("production: {", "production: {requires: [tested, 'deployed:test'], ")})
    version = served.release()
    ok(served.run("test"))
    ok(served.run("deploy", "test"))
    done = ok(served.run("deploy", "production"))
    shown = {item["kind"]: item["digest"] for item in ok(served.run("release", "show", version))["evidence"]}
    assert {shown["tested"]} < set(done["revision"]["decidedOn"])
    row = ok(served.run("history", "test"))["history"][0]
    assert set(done["revision"]["decidedOn"]) == {shown["tested"], row["evidence"][-1]}
    assert set(done["revision"]["decidedOn"]) < set(evidence(served, "production")[0]["evidence"])


def test_the_settings_of_an_environment_win_over_those_of_the_recipe(served):
    text = (served.folder / "model.yaml").read_text()
    served.commit(**{"model.yaml": text.replace("  digest: /model\n", "  digest: /model\n  env: {WHO: a, ALSO: b}\n")})
    served.release()
    served.set_env("test", WHO="environment")
    ok(served.run("deploy", "test"))
    seen = served.get("/env")
    assert (seen["WHO"], seen["ALSO"]) == ("environment", "b")
    served.set_env("test", WHO="somebody else")
    again = ok(served.run("deploy", "test"))
    assert (again["changed"], again["revision"]["number"]) == (True, 2), "D4: the same release with other settings"
    assert served.get("/env")["WHO"] == "somebody else"


def test_D5_a_changed_copy_of_what_ran_before_is_made_anew_out_of_the_store(served):
    first = served.release()
    ok(served.run("deploy", "production"))
    served.release("seed: 2\nwrong: 1\n")
    tamper(served, "production", 1)
    failed = served.run("deploy", "production")
    assert (failed["code"], failed["revision"]["restored"]) == (5, first), failed["err"]
    assert ok(served.run("status", "production"))["healthy"], "its bytes are those that were released"


def test_D5_what_ran_before_is_back_and_the_downtime_is_said(served):
    first = served.release()
    ok(served.run("deploy", "test"))
    served.release("seed: 2\nwrong: 1\n")
    failed = served.run("deploy", "test")
    assert failed["code"] == 5, failed["err"]
    assert "GET /predict gave 500" in failed["error"]["message"]
    assert f"{first} runs again" in failed["error"]["message"]
    assert failed["revision"]["downtime"] > 0
    assert "of downtime" in failed["error"]["message"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert [item["status"] for item in served.revisions()] == ["verified", "failed"]
    assert evidence(served)[0]["restored"] == first
    assert ok(served.run("status", "test"))["healthy"]


def test_D10_a_server_that_reports_another_model_always_fails(served):
    served.release("seed: 1\nlies: 1\n")
    failed = served.run("deploy", "production")
    assert failed["code"] == 5, failed["err"]
    assert "proof reported" in failed["error"]["message"]


def test_D10_a_server_that_echoes_what_it_was_told_reaches_reported_only(served):
    served.release("seed: 1\necho: 1\n")
    ok(served.run("deploy", "test"))
    tamper(served, "test", 1)
    seen = ok(served.run("status", "test"))["environments"][0]
    expected = seen["revision"]["model"]
    assert seen["observed"]["digest"] == expected
    assert seen["observed"]["measured"] != expected
    assert not seen["healthy"]


def test_D10_a_file_too_many_in_the_models_folder_is_found(served):
    served.release()
    ok(served.run("deploy", "production"))
    folder = served.state("production") / "files" / "1" / "model"
    folder.chmod(0o755)
    (folder / "adapter.safetensors").write_bytes(b"more weights")
    assert not ok(served.run("status", "production"))["healthy"]


def test_D7_a_lower_final_release_is_refused(served):
    first = served.release()
    served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    refused = served.run("deploy", "test", "--release", first)
    assert refused["code"] == 4, refused["err"]
    planned = served.run("plan", "test", "--release", first)
    assert planned["code"] == 4
    assert any(not item["holds"] and item["name"] == "order" for item in planned["conditions"])


def test_plan_says_what_changes_and_changes_nothing(served):
    served.release()
    planned = ok(served.run("plan", "test"))
    assert "release: nothing → 1.0.0" in planned["changes"]
    assert not served.state().exists()


def test_D11_a_port_held_by_anything_else_is_found_in_the_plan(served):
    served.release()
    with socket.socket() as other:
        other.bind(("127.0.0.1", served.ports["test"]))
        other.listen()
        for verb in ("plan", "deploy"):
            refused = served.run(verb, "test")
            assert (refused["code"], refused["error"]["kind"]) == (4, "address-taken"), refused["err"]
            assert f"process {os.getpid()}" in refused["error"]["message"]
            assert "another `port:`" in refused["error"]["message"]
    assert served.revisions() == []


def test_D11_another_environments_server_on_the_port_is_named(served):
    served.release()
    ok(served.run("deploy", "test"))
    text = (served.folder / "model.yaml").read_text()
    ports = {str(served.ports["test"]): "PRODUCTION", str(served.ports["production"]): str(served.ports["test"])}
    for old, new in ports.items():
        text = text.replace(old, new)
    served.commit(**{"model.yaml": text.replace("PRODUCTION", str(served.ports["production"]))})
    refused = served.run("deploy", "production", "--release", "1.0.0")
    assert (refused["code"], refused["error"]["kind"]) == (4, "address-taken"), refused["err"]
    assert "the server of mini test" in refused["error"]["message"]


def test_D3_of_two_deploys_at_once_one_is_told_who_holds_the_environment(served):
    served.commit(**{"model.yaml": (served.folder / "model.yaml").read_text().replace("20s", "4s")})
    served.release("seed: 1\nnotready: 1\n")
    command = [sys.executable, "-m", "model_devops", "--json", "deploy", "test"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "MODEL_DEVOPS_BUILD_URL": "https://ci.example/7"}
    with subprocess.Popen(command, cwd=served.folder, env=environment, **quiet) as first:
        until(served.revisions)
        second = served.run("deploy", "test")
        assert (second["code"], second["status"]) == (7, "busy"), second["err"]
        assert "https://ci.example/7" in second["error"]["message"]
        assert first.wait(60) == 5


def test_P4_a_deploy_from_another_repository_is_refused_until_adopted(served, tmp_path):
    served.release()
    ok(served.run("deploy", "production"))
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "r.git")], check=True)
    served.git("remote", "add", "origin", str(tmp_path / "r.git"))
    served.git("push", "-q", "origin", "main", "--tags")
    refused = served.run("deploy", "production", "--release", "1.0.0")
    assert (refused["code"], refused["error"]["kind"]) == (4, "other-source"), refused["err"]
    assert served.run("adopt", "production")["code"] == 2, "a reason is asked for"
    ok(served.run("adopt", "production", "--reason", "it has a remote now"))
    (note,) = json.loads((served.state("production") / "place.json").read_text())["notes"]
    assert (note["action"], note["reason"], note["by"]) == ("adopt", "it has a remote now", getpass.getuser())
    ok(served.run("adopt", "production", "--reason", "once more"))
    place = json.loads((served.state("production") / "place.json").read_text())
    assert place["notes"] == [note], "what changes nothing is nothing to note"
    assert not ok(served.run("deploy", "production", "--release", "1.0.0"))["changed"]


def test_unknown_environment_is_refused_with_those_there_are(served):
    served.release()
    refused = served.run("rollback", "prodction")
    assert refused["code"] == 2
    assert "production" in refused["error"]["message"] + refused["error"]["hint"]


@pytest.mark.parametrize("verb", ["rollback", "stop", "unblock"])
def test_environment_without_revisions_says_so(served, verb):
    refused = served.run(verb, "test", *(["--reason", "x"] if verb == "unblock" else []))
    assert (refused["code"], refused["error"]["kind"]) == (4, "no-revision"), refused["err"]
