"""`jenkins install`: both jobs as they should be, again and again, and nothing else touched."""

import re
import xml.etree.ElementTree as ET

import pytest

from jenkins_server import FOLDER
from model_devops.jenkins.jobs import groovy

BRANCH = ("--branch", "main")
FREESTYLE = "<project><description>mine</description></project>"


def install(project, *arguments, **environment):
    return project.run("jenkins", "install", *arguments, *BRANCH, **environment)


def tree(server, job):
    return ET.fromstring(re.sub(r"^<\?xml.*?\?>", "", server.items[job]))


def posts(server):
    return [path for method, path, *_ in server.seen if method == "POST"]


def test_both_jobs_are_made(server, project):
    done = install(project, "--credentials", "git-robot", "-p", "lr=0.1 <&>")
    assert done["code"] == 0, done["err"]
    assert done["changed"] is True
    assert [job["job"] for job in done["jobs"]] == ["mini", "mini-rollback"]
    assert done["jobs"][0]["url"] == f"{server.url}job/mini/"
    job = tree(server, "mini")
    assert job.tag == "flow-definition"
    assert job.findtext("description") == "[model-devops: pipeline of mini]"
    definition = job.find("definition")
    assert definition.get("class") == "org.jenkinsci.plugins.workflow.cps.CpsScmFlowDefinition"
    remote = "scm/userRemoteConfigs/hudson.plugins.git.UserRemoteConfig"
    assert definition.findtext(f"{remote}/url") == "https://git.example/team/mini.git"
    assert definition.findtext(f"{remote}/credentialsId") == "git-robot"
    assert definition.findtext("scm/branches/hudson.plugins.git.BranchSpec/name") == "*/main"
    assert definition.findtext("scriptPath") == "Jenkinsfile"
    (parameter,) = server.definitions("mini")
    assert (parameter.findtext("name"), parameter.findtext("defaultValue")) == ("lr", "0.1 <&>")


def test_the_rollback_job_has_its_parameters_and_a_sandboxed_script(server, project):
    install(project, "--agent", "gpu's", "--library", "model-devops@1.2", "--credentials", "git-robot")
    environment, version, reason, dry_run = server.definitions("mini-rollback")
    assert [item.text for item in environment.iter("string")] == ["test", "production"]
    assert [item.text for item in version.iter("string")] == [None]
    assert [each.findtext("name") for each in (environment, version, reason, dry_run)] == [
        "environment", "version", "reason", "dry_run",
    ]  # fmt: skip
    job = tree(server, "mini-rollback")
    assert job.findtext("definition/sandbox") == "true"
    script = job.findtext("definition/script")
    assert "@Library('model-devops@1.2') _" in script
    assert "node('gpu\\'s') {" in script
    assert "git(url: 'https://git.example/team/mini.git', branch: 'main', credentialsId: 'git-robot')" in script
    assert "choice(name: 'environment', choices: ['test', 'production']," in script


def test_a_second_install_changes_nothing(server, project):
    install(project, "-p", "lr=0.1")
    before, count = dict(server.items), len(posts(server))
    done = install(project, "-p", "lr=0.1")
    assert (done["code"], done["changed"]) == (0, False)
    assert [job["changes"] for job in done["jobs"]] == [[], []]
    assert (server.items, len(posts(server))) == (before, count)


def test_a_dry_run_says_what_would_change_and_changes_nothing(server, project):
    done = install(project, "team/models/mini", "--dry-run")
    assert (done["code"], done["changed"], server.items, posts(server)) == (0, False, {}, [])
    assert [job["changes"] for job in done["jobs"]] == [
        ["team: new folder"],
        ["team/models: new folder"],
        ["team/models/mini: new"],
        ["team/models/mini-rollback: new"],
    ]


def test_folders_are_made_as_far_as_they_are_missing(server, project):
    server.items["team"] = f"<{FOLDER}/>"
    assert install(project, "/team/models é/mini/")["code"] == 0
    assert list(server.items) == ["team", "team/models é", "team/models é/mini", "team/models é/mini-rollback"]
    assert tree(server, "team/models é").tag == FOLDER
    assert install(project, "team/models é/mini")["changed"] is False


def test_what_others_put_into_a_job_stays(server, project):
    install(project, "-p", "lr=0.1")
    text = server.items["mini"]
    text = text.replace("[model-devops", "Ask Ann.\n[model-devops")
    text = text.replace("<triggers />", "<triggers><x.Trigger><spec>H * * * *</spec></x.Trigger></triggers>")
    text = text.replace("<configVersion>", "<extensions><x.Clone/></extensions><configVersion>")
    other = "<x.Custom><name>custom</name></x.Custom></parameterDefinitions>"
    text = text.replace("</parameterDefinitions>", other).replace("<properties>", "<properties><x.Keep/>")
    server.items["mini"] = text
    done = install(project, "-p", "lr=0.2", "-p", "epochs=3", "--jenkinsfile", "ci/Jenkinsfile")
    assert done["jobs"][0]["changes"] == [
        "mini/properties/hudson.model.ParametersDefinitionProperty/parameterDefinitions/lr/defaultValue: 0.1 → 0.2",
        "mini/properties/hudson.model.ParametersDefinitionProperty/parameterDefinitions/epochs: new",
        "mini/definition/scriptPath: Jenkinsfile → ci/Jenkinsfile",
    ]
    job = tree(server, "mini")
    assert job.findtext("description") == "Ask Ann.\n[model-devops: pipeline of mini]"
    assert job.findtext("triggers/x.Trigger/spec") == "H * * * *"
    assert job.find("definition/scm/extensions/x.Clone") is not None
    assert job.find("properties/x.Keep") is not None
    assert [each.findtext("name") for each in server.definitions("mini")] == ["lr", "custom", "epochs"]
    assert job.find("definition").get("plugin") == "workflow-cps@4000"


def test_an_update_keeps_the_list_of_versions_that_runs_have_renewed(server, project):
    install(project)
    text = server.items["mini-rollback"]
    server.items["mini-rollback"] = text.replace("<string />", "<string /><string>1.0.0</string>")
    assert install(project)["changed"] is False
    assert "<string>1.0.0</string>" in server.items["mini-rollback"]


def test_an_environment_that_is_new_is_offered(server, project):
    install(project)
    text = (project.folder / "model.yaml").read_text()
    project.commit(**{"model.yaml": text + "  stage: {target: local, port: 8099}\n"})
    assert install(project)["changed"] is True
    assert [item.text for item in server.definitions("mini-rollback")[0].iter("string")][2] == "stage"
    assert "'test', 'production', 'stage'" in tree(server, "mini-rollback").findtext("definition/script")


def test_a_job_that_is_not_ours_is_refused_until_it_is_adopted(server, project):
    server.items["mini"] = (
        "<flow-definition><description>by hand</description><definition class='x'/></flow-definition>"
    )
    before = dict(server.items)
    done = install(project)
    assert (done["code"], done["error"]["kind"], server.items) == (4, "foreign-job", before)  # not even the other one
    assert install(project, "--adopt")["code"] == 0
    job = tree(server, "mini")
    assert job.findtext("description") == "by hand\n[model-devops: pipeline of mini]"
    assert job.findtext("definition/scriptPath") == "Jenkinsfile"
    assert job.find("definition").get("class") == "org.jenkinsci.plugins.workflow.cps.CpsScmFlowDefinition"
    assert install(project)["code"] == 0


def test_a_job_of_another_model_or_kind_is_never_taken(server, project):
    for text in (
        FREESTYLE,
        "<flow-definition><description>[model-devops: pipeline of x]</description></flow-definition>",
    ):
        server.items["mini"] = text
        done = install(project, "--adopt")
        assert (done["code"], done["error"]["kind"]) == (4, "foreign-job")
        assert server.items == {"mini": text}


def test_a_configuration_that_cannot_be_read_is_left(server, project):
    server.items["mini"] = "<?xml version='1.1'?><flow-definition>&#1;</flow-definition>"
    done = install(project)
    assert (done["code"], done["error"]["kind"], list(server.items)) == (2, "job-xml", ["mini"])


@pytest.mark.parametrize("name", ["a//b", "../x", "a/./b", "a?b", "x\ny", " ", "a/ /b", "%2e", ""])
def test_what_is_no_name_is_a_wrong_call(server, project, name):
    done = install(project, name)
    if name == "":  # as if none was given: the model's name
        assert done["code"] == 0
        return
    assert (done["code"], server.seen) == (2, [])


def test_without_a_remote_the_repository_is_asked_for(server, project):
    project.git("remote", "remove", "origin")
    assert install(project)["code"] == 2
    assert install(project, "--repository", "ssh://git@git.example/x.git")["code"] == 0
    assert "ssh://git@git.example/x.git" in server.items["mini"]


def test_the_branch_is_the_remotes_default_one(server, mini, remote):
    assert mini.run("jenkins", "install")["code"] == 0
    assert "*/main" in server.items["mini"]
    assert "mini-rollback" not in server.items  # it has no environments


def test_in_a_monorepo_the_jenkinsfile_is_beside_model_yaml(server, project):
    (project.folder / "models").mkdir()
    project.git("mv", "model.yaml", "models/model.yaml")
    assert install(project, "-f", "models/model.yaml")["code"] == 0
    assert tree(server, "mini").findtext("definition/scriptPath") == "models/Jenkinsfile"
    assert "file: 'models/model.yaml'" in tree(server, "mini-rollback").findtext("definition/script")


def test_text_becomes_a_groovy_string_and_nothing_else():
    assert groovy("a'b\\c${x}\n\u2028é") == "'a\\'b\\\\c${x}\\u000a\\u2028é'"


def test_no_secret_gets_into_a_job(server, project):
    done = install(project)
    assert "s3cret" not in server.items["mini"] + server.items["mini-rollback"] + str(done)
