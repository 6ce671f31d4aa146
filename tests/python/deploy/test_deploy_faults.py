"""Runs that are killed, servers and supervisors that are, and signals (D2, D3, D6, D9)."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from model_devops import faults
from served import of_home, until

POINTS = [point for point in faults.POINTS if point.split(".")[0] in ("revision", "rollout", "local")]
RESTORING = ("rollout.before-restore", "rollout.after-restore")


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


@pytest.mark.parametrize("point", POINTS)
def test_D6_a_rollout_killed_anywhere_is_followed_by_one_that_succeeds(served, point):
    served.release()
    ok(served.run("deploy", "test"))
    bad = point in RESTORING
    second = served.release("seed: 2\ncrash: 1\n" if bad else "seed: 2\n")
    killed = served.run("deploy", "test", "--release", second, MODEL_DEVOPS_CRASH_AT=point)
    assert killed["code"] == -signal.SIGKILL, f"{point} was not hit: {killed['err']}"
    again = served.run("deploy", "test", "--release", second)
    assert again["code"] == (5 if bad else 0), again["err"]
    runs = "1.0.0" if bad else second
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == runs
    assert "pending" not in [item["status"] for item in served.revisions()]
    told = ok(served.run("status", "test"))
    assert told["healthy"], told["warnings"]
    known = ok(served.run("history", "test"))["history"]
    written = [row for row in known if row["evidence"]]
    assert len(written) == len(served.revisions()), "D9: what the killed run did not say is added"


@pytest.mark.parametrize("point", [name for name in POINTS if name not in RESTORING])
def test_D6_a_first_rollout_killed_anywhere_is_followed_by_one_that_succeeds(served, point):
    served.release()
    assert killed_and_again(served, point, "deploy", "test")
    assert ok(served.run("status", "test", "--check"))["healthy"]


def killed_and_again(served, point: str, *arguments: str) -> bool:
    """Kill a run at a point, and see that the next one succeeds. Returns whether the point was hit."""
    killed = served.run(*arguments, MODEL_DEVOPS_CRASH_AT=point)
    if killed["code"] == 0:
        return False
    assert killed["code"] == -signal.SIGKILL, killed["err"]
    ok(served.run(*arguments))
    assert "pending" not in [item["status"] for item in served.revisions()]
    return True


@pytest.mark.parametrize("point", ["file.before-write", "file.before-rename", "file.after-rename"])
def test_D6_a_rollout_killed_at_any_of_its_writes_is_followed_by_one_that_succeeds(served, point):
    served.release()
    ok(served.run("deploy", "test"))
    turns = 0
    while True:
        served.set_env("test", TURN=str(turns))
        if not killed_and_again(served, f"{point}:{turns + 1}", "deploy", "test"):
            break
        turns += 1
        assert served.get("/env")["TURN"] == str(turns - 1)
    assert turns >= 4, "holder, copy, launch and status are written at least"
    assert ok(served.run("status", "test"))["healthy"]
    left = {str(path.parent.relative_to(served.state())) for path in served.state().rglob(".tmp-*")}
    assert left <= {"run"}, "what killed runs left; the supervisor may be writing in `run`"
    for path in served.state().rglob(".tmp-*"):
        os.utime(path, (0, 0))
    (served.state() / "reports").mkdir(exist_ok=True)
    (served.state() / "reports" / ".tmp-left").touch()
    served.set_env("test", TURN="last")
    ok(served.run("deploy", "test"))
    assert list(served.state().rglob(".tmp-*")) == []


ON_THE_WAY = ("revision.after-create", "local.after-stop", "local.after-start", "rollout.after-proof")


@pytest.mark.parametrize("point", ON_THE_WAY)
def test_D6_a_rollback_killed_on_its_way_is_followed_by_one_that_succeeds(served, point):
    first = served.release()
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    ok(served.run("deploy", "test"))
    killed = served.run("rollback", "test", MODEL_DEVOPS_CRASH_AT=point)
    assert killed["code"] == -signal.SIGKILL, killed["err"]
    again = served.run("rollback", "test", "--to", first)
    assert again["code"] == 0 or again["error"]["kind"] == "runs-already", again["err"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert served.run("deploy", "test", "--release", second)["code"] == 4, "D8: what was replaced is blocked"


#: A stop doesn't get to these: it starts, proves and restores nothing.
STARTING = ("local.after-start", "rollout.after-proof", *RESTORING)


@pytest.mark.parametrize("point", [name for name in POINTS if name not in STARTING])
def test_D6_a_stop_killed_anywhere_is_followed_by_one_that_succeeds(served, home, point):
    served.release()
    ok(served.run("deploy", "test"))
    assert killed_and_again(served, point, "stop", "test")
    assert not of_home(home)
    assert served.revisions()[-1]["action"] == "stop"


def start_deploy(served, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "model_devops", *options, "deploy", "test"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=served.folder, **quiet)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_during_a_rollout_brings_back_what_ran_and_says_so(served, tmp_path, number, code):
    first = served.release()
    ok(served.run("deploy", "test"))
    served.release("seed: 2\nnotready: 1\n")
    with start_deploy(served, "--result", str(tmp_path / "result.json")) as process:
        until(lambda: len(served.revisions()) == 2 and served.run_state().get("revision") == 2)
        process.send_signal(number)
        assert process.wait(30) == code
    message = json.loads((tmp_path / "result.json").read_text())["error"]["message"]
    assert f"(revision 2) was interrupted by signal {number:d}; {first} runs again" in message
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert served.revisions()[-1]["status"] == "interrupted"
    assert served.revisions()[-1]["restored"] == first


def test_D3_a_stopped_holder_keeps_its_lock_and_finishes_when_it_wakes(served):
    served.commit(**{"model.yaml": (served.folder / "model.yaml").read_text().replace("20s", "3s")})
    served.release("seed: 1\nnotready: 1\n")
    with start_deploy(served) as process:
        until(served.revisions)
        process.send_signal(signal.SIGSTOP)
        assert served.run("stop", "test")["code"] == 7
        process.send_signal(signal.SIGCONT)
        assert process.wait(30) == 5


def test_a_verified_server_that_crashes_is_started_again(served):
    served.release()
    ok(served.run("deploy", "test"))
    before = served.run_state()["server"]["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: served.run_state()["restarts"] == 1 and served.answers())
    assert served.run_state()["server"]["pid"] != before
    assert ok(served.run("status", "test"))["healthy"]


def test_a_killed_supervisor_leaves_no_server_unnoticed(served, home):
    served.release()
    ok(served.run("deploy", "test"))
    state = served.run_state()
    os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    until(lambda: not psutil.pid_exists(state["supervisor"]["pid"]) or not served.answers())
    again = ok(served.run("deploy", "test"))
    assert again["changed"]
    assert ok(served.run("status", "test"))["healthy"]
    assert len([process for process in of_home(home) if process.pid in (state["server"]["pid"],)]) == 0


def test_stale_records_of_processes_are_not_trusted(served):
    served.release()
    ok(served.run("deploy", "test"))
    ok(served.run("stop", "test"))
    path = served.state() / "run" / "state.json"
    text = path.read_text()
    old = served.run_state()["server"]["pid"]
    path.write_text(text.replace(str(old), str(os.getpid())))  # a number that somebody else has now
    assert not ok(served.run("status", "test"))["environments"][0]["observed"]["running"]
    ok(served.run("deploy", "test"))
    assert served.answers()


def test_the_whole_group_ends_with_the_server(served, home):
    model = (
        (served.folder / "model.yaml")
        .read_text()
        .replace("command: exec ", "command: sleep 300 & setsid sleep 300 & exec ")
    )
    served.commit(**{"model.yaml": model})
    served.release()
    ok(served.run("deploy", "test"))
    assert len(of_home(home)) >= 4
    ok(served.run("stop", "test"))
    assert not of_home(home)


def test_what_does_not_listen_to_sigterm_is_killed(served, home):
    """The server, a child of it in a session of its own, and the supervisor itself, which was stopped."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    child = deaf + "import time; open('/proc/self/comm', 'w').write('deaf'); time.sleep(600)"
    start = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
    served.commit(**{"serve.py": deaf + start + (served.folder / "serve.py").read_text()})
    served.release()
    ok(served.run("deploy", "test"))
    until(lambda: "deaf" in [process.name() for process in of_home(home)])
    assert ok(served.run("stop", "test"))["changed"]
    assert not of_home(home)
    ok(served.run("deploy", "test"))
    supervisor = served.run_state()["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGSTOP)
    assert ok(served.run("stop", "test"))["changed"]
    assert not of_home(home)


def test_D9_the_next_run_adds_evidence_that_could_not_be_written(served):
    served.release()
    killed = served.run("deploy", "test", MODEL_DEVOPS_CRASH_AT="rollout.after-verified")
    assert killed["code"] == -signal.SIGKILL
    assert ok(served.run("history", "test"))["history"][0]["status"] == "verified", "the target's word"
    ok(served.run("deploy", "test"))
    assert ok(served.run("history", "test"))["cadence"]["n"] == 0
    assert ok(served.run("history", "test"))["history"][0]["evidence"]
