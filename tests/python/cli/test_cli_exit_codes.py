"""Every exit code of docs/exit-codes.md, each reached by a real process, with a result document that says the same.

`REACHED` is the list. 6 needs a rollout whose restore fails too: see tests/python/deploy/test_deploy_broken.py.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mini_project import Mini, mini  # noqa: F401  fixture
from model_devops.deploy.local.target import LocalTarget
from model_devops.deploy.open import local_folder
from model_devops.errors import ExitCode
from served import free_port, until

DEFECT = """\
import sys
from model_devops import project
project.open_project = lambda *_, **__: 1 / 0
from model_devops.cli.main import run
sys.exit(run(sys.argv[1:]))
"""
REAL = ["-m", "model_devops"]
#: A training that tells its process and then takes as long as it is let.
ENDLESS = "import os, time\nopen('training', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"


def start(project: Mini, *words: str, program: list[str] = REAL) -> subprocess.Popen[str]:
    result = project.folder.parent / "result.json"
    command = [sys.executable, *program, "--result", str(result), *words]
    return subprocess.Popen(command, cwd=project.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def ended(project: Mini, process: subprocess.Popen[str]) -> dict:
    """The result document, which must name the code with which the process ended."""
    said = process.communicate()[1]
    result = json.loads((project.folder.parent / "result.json").read_text())
    assert result["exitCode"] == process.returncode, said
    assert result["status"] == ExitCode(process.returncode).name.lower()
    assert (result["error"] is None) == (process.returncode == 0)
    assert result["error"] is None or result["error"]["message"] in said
    return result | {"err": said}


def done(project: Mini, *words: str, program: list[str] = REAL) -> dict:
    return ended(project, start(project, *words, program=program))


def ok(project: Mini) -> dict:
    return done(project, "version", "list")


def internal(project: Mini) -> dict:
    result = done(project, "version", "list", program=["-c", DEFECT])
    assert "Traceback" in result["err"]
    assert "please report it" in result["error"]["hint"]
    return result


def usage(project: Mini) -> dict:
    project.commit(**{"model.yaml": "name: mini\nartefacts: {}\n"})
    result = done(project, "build")
    assert len(result["error"]["problems"]) == 2, "every problem is listed"
    return result


def failed(project: Mini) -> dict:
    project.commit(**{"train.py": "raise SystemExit('no model today')\n"})
    return done(project, "build")


def refused(project: Mini) -> dict:
    return done(project, "release", "show", "9.9.9")


def served_by(project: Mini, command: str) -> None:
    environment = f"environments: {{test: {{target: local, port: {free_port()}}}}}\n"
    text = (project.folder / "model.yaml").read_text() + f"serve: {{command: {command}}}\n{environment}"
    project.commit(**{"model.yaml": text})
    assert done(project, "build")["exitCode"] == 0


def restored(project: Mini) -> dict:
    served_by(project, "echo no weights for you; exit 1")
    result = done(project, "deploy", "test")
    assert "nothing runs, as before" in result["error"]["message"]
    return result


def busy(project: Mini) -> dict:
    served_by(project, "sleep 600")
    with LocalTarget("mini", "test", local_folder("mini", "test")).lock("ann at the console"):
        result = done(project, "deploy", "test")
    assert "ann at the console" in result["error"]["message"]
    return result


def unreachable(project: Mini) -> dict:
    remote = project.folder.parent / "remote.git"
    project.git("clone", "-q", "--bare", ".", str(remote))
    project.git("remote", "add", "origin", str(remote))
    project.git("fetch", "-q", "origin")
    remote.rename(remote.with_name("gone.git"))
    return done(project, "build")


def by_signal(number: int) -> Callable[[Mini], dict]:
    def send(project: Mini) -> dict:
        project.commit(**{"train.py": ENDLESS, ".gitignore": "model/\ntraining\n"})
        before = (project.folder / "params.yaml").read_bytes()
        process = start(project, "build", "--param", "seed=7")
        told = project.folder / "training"
        training = psutil.Process(int(until(lambda: told.exists() and told.read_text())))
        process.send_signal(number)
        result = ended(project, process)
        assert (project.folder / "params.yaml").read_bytes() == before
        until(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE)
        return result

    return send


REACHED: dict[int, Callable[[Mini], dict]] = {
    0: ok,
    1: internal,
    2: usage,
    3: failed,
    4: refused,
    5: restored,
    7: busy,
    8: unreachable,
    130: by_signal(signal.SIGINT),
    143: by_signal(signal.SIGTERM),
}
ELSEWHERE = {6: Path("deploy") / "test_deploy_broken.py"}


@pytest.mark.parametrize("code", REACHED, ids=lambda code: ExitCode(code).name.lower())
def test_a_real_process_ends_with(code: int, mini: Mini) -> None:  # noqa: F811
    assert REACHED[code](mini)["exitCode"] == code


def test_every_exit_code_is_reached() -> None:
    assert {*REACHED, *ELSEWHERE} == {int(code) for code in ExitCode}
    for code, path in ELSEWHERE.items():
        assert f'["code"] == {code}' in (Path(__file__).parents[1] / path).read_text()
