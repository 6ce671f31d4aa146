"""Commands run in a group of their own, see no credential, and leave nothing running."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from model_devops.runtime import commands, surroundings
from model_devops.runtime.commands import run_command

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cret",
    "REGISTRY_PSW": "s3cret",
    "ANY_NAME_JENKINS_BOUND": "s3cret",
    "GITHUB_TOKEN": "s3cret",
    "CUDA_API_KEY": "s3cret",
    "SSH_AUTH_SOCK": "/s3cret",
    "KUBECONFIG": "/s3cret",
    "HTTPS_PROXY": "http://person:s3cret@proxy.example.org",
    "GIT_BRANCH": "https://s3cret@example.org/x",
    "PIP_INDEX_URL": "https://u:s3cret@example.org/simple",
}


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_output_exit_code_and_log_are_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    log = io.StringIO()
    finished = run_command("echo out; echo err >&2; exit 3", tmp_path, log=log)
    assert (finished.code, finished.ok) == (3, False)
    assert finished.output_tail == log.getvalue() == "out\nerr\n"
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == "out\nerr\n"
    assert "exit code 3; its last line was: err" in finished.explain()


def test_command_runs_in_the_given_folder(tmp_path: Path):
    assert run_command("pwd -P", tmp_path).output_tail.strip() == str(tmp_path.resolve())


@pytest.mark.parametrize("name", SECRETS)
def test_T1_no_credential_of_the_step_reaches_a_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, SECRETS[name])
    output = run_command("env", tmp_path).output_tail
    assert "s3cret" not in output
    assert name not in surroundings.passed()


def test_T1_what_describes_machine_and_build_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("JENKINS_NODE_COOKIE", "abc")
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    output = run_command("env", tmp_path, environment={"MODEL_DEVOPS_NAME": "digits"}).output_tail
    lines = set(output.splitlines())
    wanted = {"CUDA_VISIBLE_DEVICES=1", "JENKINS_NODE_COOKIE=abc", "https_proxy=http://proxy.example.org:3128"}
    assert wanted | {"MODEL_DEVOPS_NAME=digits", f"HOME={os.environ['HOME']}"} <= lines


def test_T1_whoever_runs_the_step_may_name_further_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATA_ROOT", "/mnt/data")
    assert "DATA_ROOT" not in surroundings.passed()
    monkeypatch.setenv("MODEL_DEVOPS_PASS", "OTHER, DATA_ROOT")
    assert surroundings.passed()["DATA_ROOT"] == "/mnt/data"


def test_what_a_command_leaves_running_is_ended(tmp_path: Path):
    started = time.monotonic()
    finished = run_command("sleep 300 & echo $!", tmp_path)
    assert finished.ok
    assert is_gone(int(finished.output_tail))
    assert time.monotonic() - started < commands.GRACE


def test_timeout_ends_the_whole_group(tmp_path: Path):
    finished = run_command("sh -c 'sleep 300 & echo $!; wait'", tmp_path, timeout=0.5)
    assert finished.timed_out
    assert not finished.ok
    assert "time limit" in finished.explain()
    assert is_gone(int(finished.output_tail))


def test_a_command_that_ignores_SIGTERM_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "GRACE", 0.3)
    finished = run_command("trap '' TERM; echo $$; while :; do sleep 0.1; done", tmp_path, timeout=0.3)
    assert finished.code == -signal.SIGKILL
    assert is_gone(int(finished.output_tail.splitlines()[0]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_our_own_end_ends_the_command_politely(number: signal.Signals, tmp_path: Path):
    command = "trap 'touch asked; exit' TERM; sleep 300 & echo $! > pid.tmp; mv pid.tmp pid; wait"
    script = (
        "import sys; from pathlib import Path; from model_devops.cli.main import _handle_signals; "
        "from model_devops.runtime.commands import run_command; _handle_signals(); "
        f"run_command({command!r}, Path(sys.argv[1]))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ours = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "pid").exists)
    child = int((tmp_path / "pid").read_text())
    ours.send_signal(number)
    assert ours.wait(10) != 0
    assert is_gone(child)
    assert (tmp_path / "asked").exists()


def test_a_handler_of_the_caller_ends_the_command_and_is_kept(tmp_path: Path):
    def handler(signum, _frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        with pytest.raises(TimeoutError):
            run_command("echo $$ > pid; exec sleep 300", tmp_path)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_much_output_is_passed_on_whole_and_only_its_end_is_kept(tmp_path: Path):
    with open(tmp_path / "log", "w") as log:
        finished = run_command("seq 1 200000", tmp_path, log=log)
    assert (tmp_path / "log").read_text().splitlines()[-1] == "200000"
    assert len((tmp_path / "log").read_text().splitlines()) == 200000
    assert len(finished.output_tail) == commands.TAIL


def test_nobody_reading_the_output_ends_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as nobody, open(tmp_path / "log", "w") as log:
        monkeypatch.setattr(sys, "stderr", nobody)
        finished = run_command("seq 1 9999; touch done", tmp_path, log=log)
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), nobody.fileno())  # what it has buffered goes nowhere
    assert finished.ok
    assert (tmp_path / "done").exists()
    assert (tmp_path / "log").read_text().endswith("9999\n")


def test_output_that_is_not_text_does_no_harm(tmp_path: Path):
    finished = run_command(r"printf 'a\377\000b'", tmp_path)
    assert finished.ok
    assert finished.output_tail == "a�\0b"


def test_a_command_waits_for_no_input(tmp_path: Path):
    assert run_command("cat", tmp_path, timeout=10).ok


def test_a_runtime_comes_first_on_PATH_and_PYTHONPATH_does_not_reach_it(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = surroundings.for_command(tmp_path, {})
    assert environment["PATH"].startswith(f"{tmp_path}/bin:")
    assert environment["VIRTUAL_ENV"] == str(tmp_path)
    assert "PYTHONPATH" not in environment


@pytest.mark.parametrize("command", ["{sleep}", "{sleep} & {sleep}", "trap '' TERM HUP; {sleep}; true"])
def test_a_command_does_not_outlive_a_program_that_is_killed(tmp_path: Path, command: str):
    """kill -9 leaves this program no time to end what it started."""
    line = "echo $$ > pids; " + command.format(sleep="sh -c 'echo $$ >> pids; exec sleep 300'")
    code = (
        "import sys; from pathlib import Path; from model_devops.runtime.commands import run_command;"
        "run_command(sys.argv[1], Path(sys.argv[2]))"
    )
    wanted = 1 + command.count("{sleep}")
    with subprocess.Popen([sys.executable, "-c", code, line, str(tmp_path)]) as program:
        wait_for(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) == wanted)
        pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
        group = os.getpgid(pids[0])
        program.kill()
    wait_for(lambda: all(is_gone(pid) for pid in pids))
    wait_for(lambda: not [pid for pid in psutil.pids() if is_of(pid, group)])


def is_of(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group and not is_gone(pid)
    except ProcessLookupError:
        return False


def test_a_command_has_no_child_and_no_input_that_it_did_not_make(tmp_path: Path):
    code = "import os, sys; print(repr(sys.stdin.read())); os.wait()"
    finished = run_command(f"exec '{sys.executable}' -c '{code}'", tmp_path, timeout=20)
    assert finished.output_tail.startswith("''\n")
    assert "ChildProcessError" in finished.output_tail


def test_a_program_that_is_not_there_is_said(tmp_path: Path):
    finished = run_command("there-is-no-such-program", tmp_path)
    assert finished.code == 127
    assert "not found" in finished.explain()
