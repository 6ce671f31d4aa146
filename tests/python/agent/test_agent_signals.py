"""An abort reaches the CLI itself, and the CLI is left to finish its clean-up."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from agents import Agent
from mini_project import make_mini
from served import until


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_during_a_teams_command_reaches_the_cli(
    agent: Agent, cli: Path, number: signal.Signals, code: int
) -> None:
    agent.workspace.rmdir()
    mini = make_mini(agent.workspace)
    text = (mini.folder / "model.yaml").read_text()
    (mini.folder / "model.yaml").write_text(
        text + "check: ['env > seen; echo $$ > begun.new; mv begun.new begun; sleep 1000']\n"
    )
    call = agent.prepare()
    unignored = ["env", "--default-signal=INT"]  # a shell that starts tests in the background has it ignored
    process = agent.start(call, "check", unignored, MODEL_DEVOPS_CLI=str(cli), PATH=os.environ["PATH"])
    begun = agent.workspace / "begun"
    until(lambda: begun.exists() or process.poll() is not None, 60)
    assert process.poll() is None, agent.finish(call, process)
    assert "model_devops" in psutil.Process(process.pid).cmdline()
    command = psutil.Process(int(begun.read_text()))
    process.send_signal(number)
    end = agent.finish(call, process)
    assert (end.code, end.error["kind"]) == (code, "interrupted")
    until(lambda: not command.is_running() or command.status() == psutil.STATUS_ZOMBIE)


def test_what_the_call_consists_of_is_kept_from_the_cli(agent: Agent, cli: Path) -> None:
    call = agent.prepare()
    fifo = call / "request.json"
    fifo.unlink()
    os.mkfifo(fifo)
    process = agent.start(call, "schema", MODEL_DEVOPS_CLI=str(cli))
    until(lambda: "model_devops" in psutil.Process(process.pid).cmdline(), 60)
    environment = psutil.Process(process.pid).environ()
    with fifo.open("w") as stream:
        stream.write("{}")
    assert agent.finish(call, process).code == 0
    assert [name for name in environment if name.startswith("MODEL_DEVOPS_")] == ["MODEL_DEVOPS_CLI"]
