"""Login, crumbs, and everything that a controller refuses: one clear message, and no secret in it."""

import json
import sys

import pytest
import trustme

from jenkins_server import PASSWORD, TOKEN, jenkins_server
from receivers import ca_file, server_tls


def run(shell, *arguments, **environment):
    done = shell("--json", "jenkins", *arguments, **environment)
    shown = done.stdout + done.stderr
    assert TOKEN.encode() not in shown
    assert PASSWORD.encode() not in shown
    assert b"Traceback" not in shown
    return json.loads(done.stdout) | {"code": done.returncode}


@pytest.fixture
def job(server):
    server.save("digits", "<flow-definition/>")
    return server


def refused(done, code, kind, words):
    assert (done["code"], done["error"]["kind"]) == (code, kind), done
    assert words in done["error"]["message"]


def test_a_wrong_token_is_said(job, shell):
    done = run(shell, "status", "digits", JENKINS_API_TOKEN="wrong-t0ken")
    refused(done, 4, "denied", "refuses the login of robot (401)")
    assert "wrong-t0ken" not in json.dumps(done)


def test_nobody_is_told_how_to_log_in(job, shell):
    done = run(shell, "status", "digits", JENKINS_USER="", JENKINS_API_TOKEN="")
    refused(done, 4, "denied", "anonymous lacks the permission Hudson.Read")
    assert "JENKINS_USER and JENKINS_API_TOKEN" in done["error"]["hint"]


def test_the_permission_that_is_missing_is_named(job, shell):
    job.missing = "hudson.model.Item.Build"
    refused(run(shell, "run", "digits"), 4, "denied", "robot lacks the permission Item.Build")
    assert job.queue == {}


def test_a_job_that_is_not_there_is_said(job, shell):
    done = run(shell, "run", "team/digits")
    refused(done, 2, "not-found", "has nothing at /jenkins/job/team/job/digits/api/json")
    assert "may not see" in done["error"]["hint"]


def test_a_password_needs_crumbs_and_gets_them(job, shell):
    assert run(shell, "run", "digits", JENKINS_API_TOKEN=PASSWORD)["code"] == 0
    (headers,) = [headers for method, _, headers, _ in job.seen if method == "POST"]
    assert headers["Jenkins-Crumb"].startswith("crumb-of-")


def test_a_crumb_that_ended_with_its_session_is_renewed(job, shell):
    job.away = [None, None, job.restart]  # the job, the crumb, then a restart before the start
    assert run(shell, "run", "digits", JENKINS_API_TOKEN=PASSWORD)["code"] == 0
    assert len(job.queue) == 1


def test_crumbs_that_are_refused_for_good_are_said(job, shell):
    job.away = [None, None, job.restart, None, job.restart]
    done = run(shell, "run", "digits", JENKINS_API_TOKEN=PASSWORD)
    refused(done, 4, "crumb", "takes no crumb of ours (403)")
    assert job.queue == {}


def test_without_crumbs_it_works_as_well(job, shell):
    job.crumbs = False
    assert run(shell, "run", "digits", JENKINS_API_TOKEN=PASSWORD)["code"] == 0


def test_a_crumb_issuer_that_refuses_is_said(job, shell):
    job.anonymous = True  # may look, may not start
    done = run(shell, "run", "digits", JENKINS_USER="", JENKINS_API_TOKEN="")
    refused(done, 4, "denied", "anonymous lacks the permission")


def test_netrc_logs_in(job, shell, tmp_path):
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login robot password {TOKEN}\n")
    (tmp_path / "netrc").chmod(0o600)
    done = run(shell, "status", "digits", JENKINS_USER="", JENKINS_API_TOKEN="", NETRC=str(tmp_path / "netrc"))
    assert done["code"] == 0


def test_nobody_there_is_unreachable(shell, job):
    with jenkins_server() as gone:
        url = gone.url
    done = run(shell, "status", "digits", "--timeout", "0", JENKINS_URL=url)
    refused(done, 8, "unreachable", "can't be reached")


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(job, shell, tmp_path):
    ca = trustme.CA()
    with jenkins_server(server_tls(ca)) as secure:
        secure.save("digits", "<flow-definition/>")
        refused(run(shell, "status", "digits", JENKINS_URL=secure.url), 8, "certificate", "is not trusted")
        own = {"SSL_CERT_FILE": ca_file(ca, tmp_path), "REQUESTS_CA_BUNDLE": ""}
        done = run(shell, "status", "digits", JENKINS_URL=secure.url, **own)
        assert done["code"] == 0


def test_a_page_that_is_no_jenkins_is_said(job, shell):
    job.away = [200]
    refused(run(shell, "status", "digits"), 2, "not-jenkins", "does not answer as Jenkins does")


@pytest.mark.parametrize(
    "url", ["", "jenkins.example", "ftp://jenkins.example/", "http://", "http://h:99999/", "http://u:s3cret@h/"]
)
def test_a_wrong_address_is_a_wrong_call(job, shell, url):
    done = run(shell, "status", "digits", JENKINS_URL=url)
    assert (done["code"], "JENKINS_URL" in done["error"]["message"]) == (2, True)
    assert "s3cret" not in json.dumps(done)


@pytest.mark.parametrize("name", ["JENKINS_USER", "JENKINS_API_TOKEN"])
def test_half_a_login_is_a_wrong_call(job, shell, name):
    done = run(shell, "status", "digits", **{name: ""})
    refused(done, 2, "usage", f"{name} is not set")


def test_python_jenkins_is_asked_for_where_it_is_missing(job, shell, tmp_path):
    (tmp_path / "jenkins.py").write_text("raise ImportError('gone')\n")
    done = run(shell, "status", "digits", PYTHONPATH=f"{tmp_path}:{':'.join(sys.path[:1])}")
    refused(done, 2, "no-python-jenkins", "python-jenkins is not installed")
    assert "requirements/jenkins.txt" in done["error"]["hint"]


def test_headers_for_a_proxy_are_not_shown(job, shell):
    done = shell("jenkins", "status", "digits", JENKINS_API_EXTRA_HEADERS="X-Proxy: pr0xy-secret")
    assert done.returncode == 0
    assert b"pr0xy-secret" not in done.stdout + done.stderr
    assert job.seen[-1][2]["X-Proxy"] == "pr0xy-secret"
