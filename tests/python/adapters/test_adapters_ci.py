"""Build metadata from the variables of each CI (docs/ci-variables.md)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.adapters.ci import Build, detect

JENKINS = {
    "JENKINS_URL": "https://ci/",
    "BUILD_URL": "https://ci/job/x/job/main/7/",
    "BUILD_NUMBER": "7",
    "JOB_NAME": "x/main",
    "BRANCH_NAME": "main",
    "GIT_COMMIT": "abc",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_URL": "https://gl/p/-/pipelines/9",
    "CI_JOB_ID": "100",
    "CI_PROJECT_ID": "5",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_SHA": "abc",
    "GITLAB_USER_LOGIN": "ada",
}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "t/m",
    "GITHUB_RUN_ID": "3",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_JOB": "build",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "abc",
    "GITHUB_ACTOR": "ada",
    "GITHUB_TRIGGERING_ACTOR": "bob",
}


def test_outside_ci_each_build_has_an_id_of_its_own() -> None:
    one, two = detect({}), detect({})
    assert one.ci == "none"
    assert one.id != two.id
    assert (one.url, one.branch, one.pull_request, one.fork) == (
        None,
        None,
        None,
        False,
    )


def test_jenkins_branch_build() -> None:
    build = detect(JENKINS)
    assert (build.ci, build.url, build.id) == (
        "jenkins",
        JENKINS["BUILD_URL"],
        JENKINS["BUILD_URL"],
    )
    assert (build.branch, build.job, build.number, build.commit) == (
        "main",
        "x/main",
        "7",
        "abc",
    )


def test_jenkins_pull_request_names_its_branch_not_the_job() -> None:
    build = detect(JENKINS | {"BRANCH_NAME": "PR-42", "CHANGE_ID": "42", "CHANGE_BRANCH": "feature"})
    assert (build.pull_request, build.branch, build.fork) == ("42", "feature", False)
    assert detect(JENKINS | {"CHANGE_ID": "42", "CHANGE_FORK": "mallory"}).fork


def test_jenkins_plain_job_names_the_branch_without_its_remote() -> None:
    plain = {name: value for name, value in JENKINS.items() if name != "BRANCH_NAME"}
    assert detect(plain | {"GIT_BRANCH": "origin/feature/x"}).branch == "feature/x"
    assert detect(plain | {"GIT_BRANCH": "detached"}).branch is None


def test_jenkins_tag_build_is_of_no_branch() -> None:
    assert detect(JENKINS | {"BRANCH_NAME": "v1", "TAG_NAME": "v1"}).branch is None


def test_jenkins_without_its_url_still_has_something_that_later_steps_share() -> None:
    build = detect({"BUILD_TAG": "jenkins-x-7", "JOB_NAME": "x", "BUILD_NUMBER": "7"})
    assert (build.ci, build.url) == ("jenkins", "jenkins:x#7")


@pytest.mark.parametrize(
    "left",
    [
        {"JENKINS_URL": "https://ci/"},
        {"JENKINS_URL": "https://ci/", "JOB_NAME": "x", "BRANCH_NAME": "main", "BUILD_USER_ID": "ada"},
        {"BUILD_TAG": "jenkins-x-7", "BUILD_NUMBER": "7"},
        {"GITLAB_CI": "true", "CI_JOB_MANUAL": "true", "GITLAB_USER_LOGIN": "ada", "CI_COMMIT_BRANCH": "main"},
        GITLAB | {"GITLAB_CI": "false"},
        {name: value for name, value in GITHUB.items() if name != "GITHUB_RUN_ID"},
        {name: value for name, value in GITHUB.items() if name != "GITHUB_REPOSITORY"},
        {name: value for name, value in GITHUB.items() if name != "GITHUB_SERVER_URL"},
    ],
)
def test_A1_variables_that_name_no_build_are_no_word_of_ci(left: dict[str, str]) -> None:
    build = detect(left)
    assert build == Build(ci="none", id=build.id)
    assert detect(left).id != build.id


def test_A1_what_is_left_of_one_ci_hides_no_build_of_another() -> None:
    left = {"GITHUB_ACTIONS": "true", "GITLAB_CI": "true", "GITHUB_ACTOR": "eve"}
    assert detect(JENKINS | left) == detect(JENKINS)


def test_B9_gitlab_jobs_of_a_pipeline_share_the_url_and_not_the_id() -> None:
    one, two = detect(GITLAB), detect(GITLAB | {"CI_JOB_ID": "101"})
    assert one.url == two.url == GITLAB["CI_PIPELINE_URL"]
    assert one.id != two.id
    assert one.actor == "ada"


def test_gitlab_merge_request_of_another_project_is_a_fork() -> None:
    request = GITLAB | {
        "CI_MERGE_REQUEST_IID": "4",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature",
    }
    own = detect(
        request
        | {
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_PROJECT_ID": "5",
        }
    )
    other = detect(
        request
        | {
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "6",
            "CI_MERGE_REQUEST_PROJECT_ID": "5",
        }
    )
    assert (own.pull_request, own.branch, own.fork) == ("4", "feature", False)
    assert other.fork
    assert detect(request).fork, "in doubt it is one"


def test_B9_github_attempts_of_a_run_share_the_url_and_not_the_id() -> None:
    one, two = detect(GITHUB), detect(GITHUB | {"GITHUB_RUN_ATTEMPT": "3"})
    assert one.url == two.url == "https://github.com/t/m/actions/runs/3"
    assert one.id != two.id


def test_A1_github_names_who_started_the_run_not_who_pushed() -> None:
    assert detect(GITHUB).actor == "bob"
    assert detect({k: v for k, v in GITHUB.items() if k != "GITHUB_TRIGGERING_ACTOR"}).actor == "ada"


def event(folder: Path, head: str | None) -> str:
    repos = {
        "head": {"repo": head and {"full_name": head}},
        "base": {"repo": {"full_name": "t/m"}},
    }
    (folder / "event.json").write_text(json.dumps({"pull_request": {"number": 12, **repos}}))
    return str(folder / "event.json")


@pytest.mark.parametrize(("head", "fork"), [("t/m", False), ("mallory/m", True), (None, True)])
def test_github_pull_request_and_forks(tmp_path: Path, head: str | None, fork: bool) -> None:
    variables = {
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_HEAD_REF": "feature",
        "GITHUB_EVENT_NAME": "pull_request",
    }
    build = detect(GITHUB | variables | {"GITHUB_EVENT_PATH": event(tmp_path, head)})
    assert (build.pull_request, build.branch, build.fork) == ("12", "feature", fork)


def test_github_pull_request_target_is_a_pull_request_though_its_ref_is_the_base(
    tmp_path: Path,
) -> None:
    variables = {
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_EVENT_PATH": event(tmp_path, "mallory/m"),
    }
    build = detect(GITHUB | variables)
    assert (build.pull_request, build.fork) == ("12", True)
    unreadable = detect(GITHUB | {"GITHUB_EVENT_NAME": "pull_request_target"})
    assert unreadable.pull_request is not None
    assert unreadable.fork


def test_groovy_may_name_the_build_and_what_it_was_restarted_from() -> None:
    build = detect(
        JENKINS
        | {
            "MODEL_DEVOPS_BUILD_URL": "https://ci/b",
            "MODEL_DEVOPS_RESTARTED_FROM": "https://ci/a",
        }
    )
    assert (build.url, build.id, build.restarted_from) == (
        "https://ci/b",
        "https://ci/b",
        "https://ci/a",
    )


NAMES = sorted(
    {
        *JENKINS,
        *GITLAB,
        *GITHUB,
        "CHANGE_ID",
        "GIT_BRANCH",
        "GITHUB_EVENT_NAME",
        "GITHUB_EVENT_PATH",
    }
)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)))
def test_no_variables_make_it_fail(variables: dict[str, str]) -> None:
    assert detect(variables).id
