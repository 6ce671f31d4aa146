"""Ways around an environment's policy, each tried through the real command line (P1–P4, A1–A4, T2, D8)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from model_devops.cli.main import run
from model_devops.policy import admin
from served import Served, until

PRODUCTION = 'requires: [tested, "deployed:test"], approval: {after: test}'
JENKINS = {"JENKINS_URL": "http://ci/", "JOB_NAME": "mini", "BUILD_NUMBER": "1"}


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def refused(result: dict, kind: str, code: int = 4) -> str:
    assert (result["code"], (result["error"] or {}).get("kind")) == (code, kind), result["err"]
    return result["err"]


def unmet(result: dict) -> set[str]:
    """The conditions that did not hold, of a deploy or a plan that was refused."""
    assert result["code"] in (4, 8), result["err"]
    return {one["name"] for one in result["conditions"] if not one["holds"]}


def policy(served: Served, production: str, *, push: bool = True) -> None:
    """Give production another policy, on the branch that is checked out; at `origin` if `push`."""
    path = served.folder / "model.yaml"
    lines = path.read_text().splitlines(keepends=True)
    port = served.ports["production"]
    lines[-1] = f"  production: {{target: local, port: {port}, {production}}}\n"
    served.commit(**{"model.yaml": "".join(lines)})
    if push:
        served.git("push", "-q", "origin", "HEAD")


def bare(folder: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    return folder


@pytest.fixture
def guarded(served: Served, tmp_path: Path) -> Served:
    """With a remote, and a production that wants tests, users and an approval."""
    served.git("remote", "add", "origin", str(bare(tmp_path / "remote.git")))
    policy(served, PRODUCTION)
    return served


def promoted(served: Served) -> str:
    """A release that went all the way to production."""
    version = ok(served.build())["version"]
    for step in ("test", "deploy test", "approve production --as ann", "deploy production"):
        ok(served.run(*step.split()))
    return version


def test_every_step_is_refused_before_the_one_that_it_rests_on(guarded):
    ok(guarded.build())
    wanted = [{"tested", "deployed:test", "approval"}, {"deployed:test", "approval"}, {"approval"}]
    for step, missing in zip(("test", "deploy test", "approve production --as ann"), wanted, strict=True):
        assert unmet(guarded.run("plan", "production")) == missing
        assert unmet(guarded.run("deploy", "production")) == missing
        if step != "approve production --as ann":
            refused(guarded.run("approve", "production", "--as", "ann"), "not-approvable")
        ok(guarded.run(*step.split()))
    assert guarded.revisions("production") == []
    ok(guarded.run("plan", "production"))
    assert ok(guarded.run("deploy", "production"))["changed"]


def test_P1_a_pull_request_that_weakens_the_policy_changes_nothing(guarded):
    guarded.git("checkout", "-q", "-b", "weaker")
    policy(guarded, "prereleases: true, proof: []")
    ok(guarded.build())
    assert unmet(guarded.run("deploy", "production")) == {"prereleases", "tested", "deployed:test", "approval"}
    guarded.git("checkout", "-q", "main")
    ok(guarded.build())
    policy(guarded, "prereleases: true", push=False)  # a commit on main that nobody has pushed
    final = guarded.run("deploy", "production", "--release", "1.0.0")
    assert unmet(final) == {"tested", "deployed:test", "approval"}
    assert not guarded.answers("production")


def test_P1_a_pull_request_can_not_give_its_environment_productions_address(guarded):
    version = promoted(guarded)
    test, production = (str(guarded.ports[name]) for name in ("test", "production"))
    text = (guarded.folder / "model.yaml").read_text()
    guarded.git("checkout", "-q", "-b", "taken")
    guarded.commit(**{"model.yaml": text.replace(test, production), "params.yaml": "seed: 7\n"})
    assert guarded.build()["code"] == 2, "two environments of one address (D11)"
    swapped = text.replace(test, "X").replace(production, test).replace("X", production)
    guarded.commit(**{"model.yaml": swapped})
    ok(guarded.build())
    deployed = ok(guarded.run("deploy", "test"))
    assert guarded.revisions("test")[-1]["settings"]["port"] == guarded.ports["test"]
    assert guarded.get("/env", "test")["MODEL_DEVOPS_VERSION"] == deployed["release"]["version"]
    assert guarded.get("/env", "production")["MODEL_DEVOPS_VERSION"] == version
    guarded.commit(**{"model.yaml": text.replace("  production:", "  mine:")})
    ok(guarded.build())
    assert "environments there: production, test" in refused(guarded.run("deploy", "mine"), "no-environment")


def test_P4_a_remote_that_is_removed_or_replaced_takes_no_policy_along(guarded, tmp_path):
    version = promoted(guarded)
    policy(guarded, "prereleases: true, proof: []", push=False)
    newer = ok(guarded.build("--prerelease"))["version"]
    other = bare(tmp_path / "mine.git")
    escapes = {
        ("remote", "remove", "origin"): "other-source",
        ("remote", "add", "origin", str(other)): "no-policy",
        ("push", "-q", "origin", "main"): "other-source",
    }
    for escape, kind in escapes.items():
        guarded.git(*escape)
        for verb in ("plan", "deploy"):
            said = refused(guarded.run(verb, "production", "--release", newer), kind)
    assert "production takes its policy from model.yaml on main of" in said
    assert guarded.get("/env", "production")["MODEL_DEVOPS_VERSION"] == version


def test_P2_offline_only_a_prerelease_goes_to_a_local_environment_that_takes_them_and_says_so(guarded, tmp_path):
    version = promoted(guarded)
    pre = ok(guarded.build("--prerelease"))["version"]
    (tmp_path / "remote.git").rename(tmp_path / "gone.git")
    result = ok(guarded.run("deploy", "test", "--release", pre))
    assert [text for text in result["warnings"] if "the policy that test read last holds" in text]
    for environment, release in (("test", version), ("production", version), ("production", pre)):
        assert guarded.run("deploy", environment, "--release", release)["code"] == 8
        assert guarded.run("plan", environment, "--release", release)["code"] == 8
    guarded.git("remote", "add", "mine", str(bare(tmp_path / "mine.git")))
    guarded.git("remote", "remove", "origin")
    guarded.git("push", "-q", "mine", "main")
    refused(guarded.run("deploy", "test", "--release", pre), "other-source")


def test_A1_nobody_approves_what_he_wrote_and_a_name_is_no_word(guarded):
    policy(guarded, "approval: {not_author: true}")
    ok(guarded.build())
    assert "only CI's word counts" in refused(guarded.run("approve", "production", "--as", "ann"), "not-approvable")
    for author in ("person", "Test Person", "PERSON@example.org"):
        own = guarded.run("approve", "production", MODEL_DEVOPS_APPROVER=author, **JENKINS)
        assert "wrote commits of this release" in refused(own, "not-approvable")
    assert unmet(guarded.run("deploy", "production")) == {"approval"}
    ok(guarded.run("approve", "production", MODEL_DEVOPS_APPROVER="ann", **JENKINS))
    ok(guarded.run("plan", "production"))


def test_P1_whoever_sets_the_variables_of_a_build_of_main_has_neither_its_policy_nor_its_claim(guarded):
    policy(guarded, "approval: {by: [ann]}")
    guarded.git("checkout", "-q", "-b", "feature")
    policy(guarded, "prereleases: true", push=False)
    pretended = JENKINS | {"BUILD_TAG": "jenkins-mini-1", "BRANCH_NAME": "main", "BUILD_USER_ID": "ann"}
    built = ok(guarded.build(**pretended))
    assert built["release"]["prerelease"], built["version"]
    assert unmet(guarded.run("deploy", "production", **pretended)) == {"prereleases", "approval"}
    assert guarded.revisions("production") == []
    said = guarded.run("approve", "production", **pretended)
    assert (said["code"], said["error"]["kind"]) == (2, "nobody"), "who started a build is no approver"


def test_A1_an_approval_given_under_a_weaker_policy_meets_the_stricter_one_no_more(guarded):
    policy(guarded, "approval: true")
    ok(guarded.build())
    ok(guarded.run("approve", "production", "--as", "ann"))
    ok(guarded.run("plan", "production"))
    policy(guarded, "approval: {by: [ann]}")
    assert unmet(guarded.run("plan", "production", "--release", "1.0.0")) == {"approval"}


def test_an_approval_expires(guarded):
    policy(guarded, "approval: {expires: 1h}")
    ok(guarded.build())
    ok(guarded.run("approve", "production", "--as", "ann"))
    ok(guarded.run("plan", "production"))
    policy(guarded, "approval: {expires: 1s}")
    late = until(lambda: (plan := guarded.run("plan", "production", "--release", "1.0.0"))["code"] == 4 and plan)
    assert unmet(late) == {"approval"}
    assert "the approval by ann expired 1s after" in late["err"]
    ok(guarded.run("approve", "production", "--release", "1.0.0", "--as", "ann"))


def test_A2_approval_needs_the_environment_to_run_exactly_it_or_a_reason(guarded):
    first = ok(guarded.build())["version"]
    ok(guarded.run("deploy", "test"))
    second = guarded.release("seed: 2\n")
    ok(guarded.run("deploy", "test"))
    late = guarded.run("approve", "production", "--release", first, "--as", "ann")
    assert f"test runs {second} now" in refused(late, "not-approvable")
    ok(guarded.run("approve", "production", "--release", first, "--as", "ann", "--reason", "seen on Monday"))
    ok(guarded.run("rollback", "test", "--reason", "worse"))
    rolled_back = guarded.run("approve", "production", "--release", second, "--as", "ann", "--reason", "seen")
    assert "test rolled it back" in refused(rolled_back, "not-approvable")
    assert "deployed:test" in unmet(guarded.run("plan", "production", "--release", second))


def test_A3_a_rejection_leaves_test_and_no_approval_brings_it_to_production(guarded):
    first = ok(guarded.build())["version"]
    ok(guarded.run("test"))
    ok(guarded.run("deploy", "test"))
    second = guarded.release("seed: 2\n")
    for step in ("test", "deploy test", "approve production --as ann"):
        ok(guarded.run(*step.split()))
    ok(guarded.run("approve", "production", "--reject", "--as", "bob", "--reason", "confuses 1 and 7"))
    assert guarded.get("/env", "test")["MODEL_DEVOPS_VERSION"] == first
    refused(guarded.run("approve", "production", "--release", second, "--as", "ann", "--reason", "x"), "not-approvable")
    assert "rejected" in unmet(guarded.run("deploy", "production", "--release", second))
    assert "rejected" in unmet(guarded.run("deploy", "test", "--release", second))


def test_T2_a_test_on_a_feature_branch_is_no_test_of_a_final_release(guarded):
    policy(guarded, "requires: [tested]")
    guarded.commit(**{"evaluate.py": "import json; json.dump({'accuracy': 0.1}, open('metrics.json', 'w'))\n"})
    guarded.git("push", "-q", "origin", "main")
    version = ok(guarded.build())["version"]
    assert guarded.run("test")["code"] == 3
    guarded.git("checkout", "-q", "-b", "generous")
    text = (guarded.folder / "model.yaml").read_text()
    guarded.commit(**{"model.yaml": text.replace("{min: 0.5}", "{min: 0}")})
    tested = ok(guarded.run("test", "--release", version))
    assert tested["onReleaseBranch"] is False
    assert any("no environment counts this test" in text for text in tested["warnings"])
    guarded.git("checkout", "-q", "main")
    late = guarded.run("deploy", "production")
    assert unmet(late) == {"tested"}
    assert "its tests failed" in late["err"]


def test_P3_the_administrators_policy_tightens_and_stops_everything_where_it_is_garbled(guarded, tmp_path, monkeypatch):
    policy(guarded, "proof: []")
    ok(guarded.build())
    monkeypatch.setattr(admin, "PATH", tmp_path / "policy.yaml")
    monkeypatch.chdir(guarded.folder)

    def deploy(text: str) -> dict:
        admin.PATH.write_text(text)
        code = run(["--result", str(tmp_path / "result.json"), "deploy", "production"])
        result = json.loads((tmp_path / "result.json").read_text())
        assert result["exitCode"] == code
        return result | {"code": code, "err": json.dumps(result)}

    further = deploy("environments: {production: {requires: [tested], approval: true}}\n")
    assert unmet(further) == {"tested", "approval"}
    refused(deploy("environments: {production: {require: [tested]}}\n"), "admin-policy", code=2)
    assert guarded.revisions("production") == []


def test_S2_S7_a_store_that_was_wiped_is_named_and_filled_again_it_is_not_trusted(guarded):
    version = ok(guarded.build())["version"]
    ok(guarded.run("release", "revoke", version, "--reason", "leaked data"))
    shutil.rmtree(guarded.home / "stores")
    said = refused(guarded.run("deploy", "test", "--release", version), "not-in-store")
    assert str(guarded.home / "stores") in said
    assert "--store" in said
    again = ok(guarded.build())
    assert (again["version"], again["new"]) == (version, False), "filled by the tag's record (V4)"
    assert "may lack a revocation" in refused(guarded.run("deploy", "test"), "built-here", code=8)
    assert guarded.run("plan", "test")["code"] == 8
    assert guarded.revisions() == []
    ok(guarded.run("store", "accept", version, "--reason", "the disk was lost; I remember no revocation"))
    ok(guarded.run("deploy", "test"))


def test_S4_a_statement_that_can_not_be_read_might_be_a_revocation(guarded):
    version = ok(guarded.build())["version"]
    statement = ok(guarded.run("release", "revoke", version, "--reason", "leaked data"))["statement"]
    (store,) = (path.parent for path in (guarded.home / "stores").rglob("index.json"))
    (store / "blobs" / "sha256" / statement.removeprefix("sha256:")).unlink()
    for step in ("plan test", "deploy test", "release show", "approve production --as ann"):
        refused(guarded.run(*step.split()), "incomplete", code=8)
    damage = guarded.run("release", "verify")
    assert (damage["code"], damage["error"]["kind"]) == (4, "bytes-differ")
    assert guarded.revisions() == []


def test_S4_an_index_that_can_not_be_read_is_no_empty_store(guarded):
    ok(guarded.build())
    (index,) = (guarded.home / "stores").rglob("index.json")
    index.write_text('{"manifests": [{"digest": 1}]}')
    for step in ("plan test", "deploy test", "release list", "build", "approve production --as ann"):
        assert str(index) in refused(guarded.run(*step.split()), "damaged", code=8)
    assert index.read_text() == '{"manifests": [{"digest": 1}]}'


def test_one_byte_of_a_stored_model_is_refused_before_anything_stops(guarded):
    first = ok(guarded.build())["version"]
    ok(guarded.run("deploy", "test"))
    guarded.release("seed: 2\n")
    weights = (guarded.folder / "model" / "weights.safetensors").read_bytes()
    (blob,) = (path for path in (guarded.home / "stores").rglob("sha256/*") if path.read_bytes() == weights)
    blob.chmod(0o644)
    blob.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    said = refused(guarded.run("deploy", "test"), "bytes-differ")
    assert "weights.safetensors" in said
    assert guarded.get("/env", "test")["MODEL_DEVOPS_VERSION"] == first
    assert len(guarded.revisions()) == 1
