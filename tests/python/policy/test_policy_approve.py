"""`approve` as people and CI call it."""

import signal

import pytest
from msgspec.structs import replace

from model_devops.deploy.local.target import LocalTarget
from model_devops.deploy.revision import Place, Revision, Source

ENVIRONMENTS = """\
serve: {command: python serve.py}
environments:
  test: {target: local, port: 18081, prereleases: true, proof: []}
  production: {target: local, port: 18080, approval: APPROVAL}
"""


def ready(mini, approval="true"):
    text = (mini.folder / "model.yaml").read_text() + ENVIRONMENTS.replace("APPROVAL", approval)
    mini.commit(**{"model.yaml": text})
    return mini.build()


def runs_in_test(mini, home, built):
    """The records of an environment that runs the release, without a process."""
    target = LocalTarget("mini", "test", home / "environments" / "mini" / "test")
    block = {"target": "local", "port": 18081, "prereleases": True, "proof": []}
    source = Source(repository=str(mini.folder / ".git"), path="model.yaml")
    revision = Revision(
        number=1,
        id="one",
        status="pending",
        action="deploy",
        release=built["digest"],
        version=built["version"],
        identity=built["release"]["identity"],
        settings={"host": "127.0.0.1", "port": 18081},
    )
    with target.lock("test"):
        target.save_place(Place(model="mini", environment="test", source=source, policy=block))
        target.create(revision)
        target.change(revision, replace(revision, status="verified"))
    return target


def test_approval_names_person_origin_and_release(mini):
    built = ready(mini)
    result = mini.run("approve", "production", "--as", "ann")
    assert result["code"] == 0, result["err"]
    assert (result["by"], result["origin"]) == ("ann", "cli")
    assert result["release"]["digest"] == built["digest"]
    assert result["evidence"].startswith("sha256:")


def test_A1_jenkins_approver_comes_from_its_input(mini):
    ready(mini, "{by: [ann]}")
    jenkins = {"JENKINS_URL": "http://ci/", "JOB_NAME": "mini", "BUILD_NUMBER": "1", "BUILD_URL": "http://ci/mini/1/"}
    assert mini.run("approve", "production", **jenkins)["code"] == 2
    result = mini.run("approve", "production", MODEL_DEVOPS_APPROVER="ann", **jenkins)
    assert result["code"] == 0, result["err"]
    assert result["origin"] == "jenkins"
    assert mini.run("approve", "production", "--as", "ann")["code"] == 4


@pytest.mark.parametrize(
    "left",
    [
        {"JENKINS_URL": "http://ci/", "MODEL_DEVOPS_APPROVER": "ann", "BUILD_USER_ID": "ann", "BRANCH_NAME": "main"},
        {"GITLAB_CI": "true", "CI_JOB_MANUAL": "true", "GITLAB_USER_LOGIN": "ann"},
        {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ann", "GITHUB_TRIGGERING_ACTOR": "ann"},
    ],
)
def test_A1_what_is_left_of_a_ci_in_a_shell_vouches_for_nobody(mini, left):
    """Neither to approve, nor to withdraw a rejection; and what is done is done in the person's own name."""
    built = ready(mini, "{by: [ann]}")
    refused = mini.run("approve", "production", **left)
    assert (refused["code"], refused["error"]["kind"]) == (4, "not-approvable")
    assert "only CI's word counts" in refused["error"]["message"]
    rejected = mini.run("approve", "production", "--reject", "--reason", "bad", **left)
    assert (rejected["code"], rejected["origin"]) == (0, "cli"), rejected["err"]
    deployed = mini.run("deploy", "test", **left)
    assert deployed["error"]["kind"] != "nobody", deployed["err"]
    withdrawn = mini.run("release", "withdraw", rejected["evidence"], "--reason", "fine", **left)
    assert withdrawn["code"] == 0, withdrawn["err"]
    asked = mini.run("plan", "production", "--release", built["digest"], **left)
    assert "rejected" in asked["error"]["message"] + str(asked["error"]["problems"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("approve",), 2),
        (("approve", "nowhere"), 2),
        (("approve", "production", "--release", "9.9.9"), 4),
        (("approve", "production", "--as", "a\nb"), 2),
        (("approve", "production", "--reject"), 2),
        (("approve", "production", "--by", "ann"), 2),
    ],
)
def test_wrong_calls_end_with_documented_codes(mini, arguments, code):
    ready(mini)
    assert mini.run(*arguments)["code"] == code


def test_P1_policy_can_not_be_given_as_an_argument(mini):
    ready(mini)
    for option in ("--approval", "--requires", "--prereleases", "--proof"):
        assert mini.run("approve", "production", f"{option}=x")["code"] == 2


def test_A3_rejected_release_leaves_the_environment_where_it_was_tried(mini, home):
    built = ready(mini, "{after: test}")
    target = runs_in_test(mini, home, built)
    result = mini.run("approve", "production", "--reject", "--reason", "confuses 1 and 7")
    assert result["code"] == 0, result["err"]
    newest = target.revisions()[-1]
    assert (newest.action, newest.status, newest.release) == ("stop", "verified", None)
    again = mini.run("approve", "production", "--reason", "seen")
    assert again["code"] == 4
    assert "confuses 1 and 7" in again["err"]


def test_A3_run_killed_after_the_rejection_is_finished_by_the_next_one(mini, home):
    built = ready(mini, "{after: test}")
    target = runs_in_test(mini, home, built)
    arguments = ("approve", "production", "--reject", "--reason", "confuses 1 and 7")
    killed = mini.run(*arguments, MODEL_DEVOPS_CRASH_AT="approve.after-rejected")
    assert killed["code"] == -signal.SIGKILL
    assert target.revisions()[-1].release == built["digest"], "recorded, and not yet taken back"
    assert mini.run(*arguments)["code"] == 0
    assert target.revisions()[-1].action == "stop"


def test_A3_rejection_by_a_name_on_the_command_line_counts_where_ci_must_approve(mini):
    ready(mini, "{by: [ann]}")
    assert mini.run("approve", "production", "--reject", "--as", "eve", "--reason", "broken")["code"] == 0
    assert mini.run("approve", "production", "--as", "ann")["code"] == 4
