"""`jenkins run` and `status`: from the queue to the last byte of the log, through restarts."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from jenkins_server import Build
from model_devops.adapters.jenkins import connect
from model_devops.jenkins import run as runs

PLAIN = "<flow-definition/>"
WITH = """<flow-definition><properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>
<hudson.model.StringParameterDefinition><name>lr</name></hudson.model.StringParameterDefinition>
<hudson.model.ChoiceParameterDefinition><name>where</name><choices><a><string>a</string><string>b</string></a></choices>
</hudson.model.ChoiceParameterDefinition>
<hudson.model.BooleanParameterDefinition><name>dry_run</name></hudson.model.BooleanParameterDefinition>
</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties></flow-definition>"""
RESULTS = [("SUCCESS", 0), ("UNSTABLE", 3), ("FAILURE", 3), ("NOT_BUILT", 4), ("ABORTED", 143)]


@pytest.fixture
def job(server):
    server.save("digits", PLAIN)
    return server


def document(done):
    return json.loads(done.stdout)


@pytest.mark.parametrize(("result", "code"), RESULTS)
def test_the_build_s_result_is_the_exit_code(job, shell, result, code):
    job.next_build = Build([b"one\n"], result)
    done = shell("--json", "jenkins", "run", "digits", "--follow")
    found = document(done)
    assert (done.returncode, found["exitCode"]) == (code, code)
    assert (found["buildResult"], found["number"], found["url"]) == (result, 1, f"{job.url}job/digits/1/")
    assert found["description"] == "1.2.3"
    if code:
        assert found["error"]["message"] == f"digits #1 ended as {result}"
    assert job.stopped == []


def test_the_log_is_copied_byte_for_byte(job, shell):
    text = "größe ✓ \x1b[32m\u2028".encode() + b"\xff\xfe\r\n\0"
    chunks = [text[:2], text[2:7], b"\nx", b"y\n" * 5000, b"", b"no newline at the end \xc3"]
    job.next_build = Build(list(chunks))
    done = shell("jenkins", "run", "digits", "--follow")
    assert done.returncode == 0, done.stderr
    head = f"digits #1: {job.url}job/digits/1/\n".encode()
    assert done.stdout == head + b"".join(chunks) + b"digits #1: SUCCESS\n"


def test_with_json_the_log_goes_to_standard_error(job, shell):
    job.next_build = Build([b"a line of the log\n"])
    done = shell("--json", "jenkins", "run", "digits", "--follow")
    assert document(done)["status"] == "ok"
    assert b"a line of the log\n" in done.stderr


def test_a_first_build_with_parameters_works(server, project, shell):
    assert (
        project.run("jenkins", "install", "team/mini", "--branch", "main", "-p", "lr=0.1", "-p", "note=")["code"] == 0
    )
    value = "0.2 & größe=1\nzwei"
    done = shell("jenkins", "run", "team/mini", "--follow", "-p", f"lr={value}")
    assert done.returncode == 0, done.stderr
    assert server.next_build.parameters == {"lr": value}
    assert not any("lr=" in path for _, path, *_ in server.seen)  # addresses are kept in the logs of proxies


def test_a_job_with_parameters_is_started_without_any_given(server, shell):
    server.save("digits", WITH)
    assert shell("jenkins", "run", "digits").returncode == 0


@pytest.mark.parametrize(
    ("xml", "given", "words"),
    [
        (WITH, "lx=1", "digits has no parameter 'lx'; it has: lr, where, dry_run"),
        (WITH, "wehre=a", "did you mean where?"),
        (WITH, "dry_run=yes", "dry_run: 'yes' is none of: 'true', 'false'"),
        (WITH, "dry_run=True", "did you mean true?"),
        (WITH, "where=c", "where: 'c' is none of: 'a', 'b'"),
        (PLAIN, "lr=1", "digits has no parameter 'lr'; it has: none"),
        (PLAIN, "lr", "'lr' is no NAME=VALUE"),
        (PLAIN, "=1", "'=1' is no NAME=VALUE"),
    ],
)
def test_parameters_that_the_job_has_not_are_a_wrong_call(server, shell, xml, given, words):
    server.save("digits", xml)
    done = shell("jenkins", "run", "digits", "-p", given)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert server.queue == {}


def test_all_wrong_parameters_are_named_at_once(server, shell):
    server.save("digits", WITH)
    given = ("-p", "lx=1", "-p", "lr=2", "-p", "where=aa", "-p", "dry_run=1")
    done = shell("--json", "jenkins", "run", "digits", *given)
    error = document(done)["error"]
    assert (done.returncode, error["message"]) == (2, "3 parameters of digits are wrong")
    assert [problem["message"].split()[0] for problem in error["problems"]] == ["digits", "where:", "dry_run:"]
    assert server.queue == {}


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_yes_or_no_is_given_as_jenkins_takes_it(server, shell, value):
    server.save("digits", WITH)
    assert shell("jenkins", "run", "digits", "-p", f"dry_run={value}", "-p", "where=b").returncode == 0
    assert server.queue[1] == ("digits", {"where": "b", "dry_run": value})


def test_without_follow_it_ends_when_the_build_is_queued(job, shell):
    done = shell("--json", "jenkins", "run", "digits")
    assert (done.returncode, document(done)["queue"]) == (0, f"{job.url}queue/item/1/")
    assert job.builds["digits"] == []


def test_what_a_build_waits_for_is_said_once(job, shell):
    job.waits = [f"In the quiet period. Expires in {n}.2 sec" for n in (3, 2)] + ["Waiting for next executor"]
    out = shell("jenkins", "run", "digits", "--follow").stdout.decode()
    assert out.splitlines()[:2] == ["digits waits: In the quiet period.", "digits waits: Waiting for next executor"]


def test_a_cancelled_build_is_an_aborted_one(job, shell):
    job.waits = ["Waiting for next executor", "cancelled"]
    done = shell("--json", "jenkins", "run", "digits", "--follow")
    assert done.returncode == 143
    assert document(done)["error"]["kind"] == "aborted"
    assert document(done)["error"]["message"] == "the queued build of digits was cancelled"


def test_a_disabled_job_is_refused(server, shell):
    server.save("digits", "<flow-definition><disabled>true</disabled></flow-definition>")
    done = shell("--json", "jenkins", "run", "digits")
    assert (done.returncode, document(done)["error"]["kind"]) == (4, "not-buildable")


@pytest.mark.parametrize("trouble", [[503, 503], ["reset"], [404, 503, 404], [500, "reset", 502]])
def test_a_restart_in_mid_log_is_waited_for(job, shell, trouble):
    chunks = [b"before\n", b"more\n", b"after\n", b"end\n"]
    build = job.next_build = Build(list(chunks))

    def fall() -> None:
        """Once the second part of the log was asked for."""
        if len(build.chunks) == 2 and not fallen.is_set():
            fallen.set()
            job.restart()
            job.away = [*trouble, *[watch] * 50]
            return job.away.pop(0)
        return None

    fallen = threading.Event()
    watch = fall
    job.away = [watch] * 50
    done = shell("jenkins", "run", "digits", "--follow")
    assert fallen.is_set()
    assert done.returncode == 0, done.stderr
    assert done.stdout.partition(b"\n")[2] == b"".join(chunks) + b"digits #1: SUCCESS\n"


def test_a_log_that_begins_anew_is_said_to_do_so(job):
    build = Build([b"a long line\n", b"another one\n"])
    job.builds["digits"] = [build]
    said, parts = [], []
    controller = connect(os.environ, 5, said.append)
    run = runs.Run("digits", "", 1, f"{job.url}job/digits/1/")

    def write(data: bytes) -> None:
        parts.append(data)
        if len(parts) == 1:
            build.log, build.chunks = b"", [b"new\n"]

    runs.follow(controller, run, write, pause=0)
    assert (parts, said) == ([b"a long line\n", b"new\n"], ["the log of digits #1 begins anew"])


@pytest.mark.parametrize("trouble", [503, 404, "reset"])
def test_a_restart_that_never_ends_is_left_after_the_timeout(job, shell, trouble):
    job.next_build = Build([b"1\n", b"2\n", b"3\n"])
    job.away = [None] * 5 + [trouble] * 100
    done = shell("--json", "jenkins", "run", "digits", "--follow", "--timeout", "1")
    assert done.returncode == 8
    assert document(done)["status"] == "unreachable"


def test_a_build_is_never_started_twice(job, shell):
    """Whether a request that broke off was acted upon can't be known."""
    job.away = [None, None, "reset"]  # the job, the crumb, and then the start
    done = shell("--json", "jenkins", "run", "digits")
    assert [path for method, path, *_ in job.seen if method == "POST"] == ["/jenkins/job/digits/build"]
    assert done.returncode == 8


def test_a_controller_that_only_starts_up_is_asked_again(job, shell):
    job.away = [None, None, 503]
    assert shell("jenkins", "run", "digits").returncode == 0
    assert len(job.queue) == 1


def test_who_stops_following_stops_no_build(job):
    job.next_build = Build([b"a line\n"] * 500)
    command = [sys.executable, "-m", "model_devops", "jenkins", "run", "digits", "--follow"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().startswith(b"digits #1:")
    assert process.stdout.readline() == b"a line\n"
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"the build goes on: {job.url}job/digits/1/" in words.decode()
    assert [path for method, path, *_ in job.seen if method == "POST"] == ["/jenkins/job/digits/build"]


@pytest.mark.parametrize("name", ["a b", "größe", "100%", "a#b", "a;b", "x?y=1", "a/b c/d&e", "+", "a:b"])
def test_any_name_that_a_job_may_have(server, shell, name):
    server.save(name, PLAIN)
    done = shell("--json", "jenkins", "run", name, "--follow")
    assert done.returncode == 0, done.stderr
    assert shell("jenkins", "status", name).returncode == 0


def test_status_shows_what_a_job_did_and_what_waits(job, shell):
    job.builds["digits"] = [Build([], "SUCCESS"), Build([], "FAILURE"), Build([b"x"], "SUCCESS")]
    job.waits = ["Waiting for next executor"]
    done = shell("--json", "jenkins", "status", "digits")
    found = document(done)
    assert [(each["number"], each["result"]) for each in found["builds"]] == [
        (3, "running"),
        (2, "FAILURE"),
        (1, "SUCCESS"),
    ]
    assert (found["waits"], found["buildable"], found["summary"]) == (
        "Waiting for next executor",
        True,
        "digits #3: running",
    )
    assert found["builds"][0]["url"] == f"{job.url}job/digits/3/"
    assert found["builds"][0]["began"] == "2023-11-14T22:13:20+00:00"
    text = shell("jenkins", "status", "digits").stdout.decode()
    assert "waits: Waiting for next executor" in text
    assert "FAILURE" in text


def test_status_of_a_job_that_was_never_built(job, shell):
    assert document(shell("--json", "jenkins", "status", "digits"))["summary"] == "digits was never built"
