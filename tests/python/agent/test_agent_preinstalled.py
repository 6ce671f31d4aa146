"""A CLI that is there already is taken if it is exactly the right one, and never silently replaced by another."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agents import BASE, ROOT, Agent

OLD = "0.0.7"


@pytest.fixture(scope="session")
def old(cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with an older CLI, whose dependencies are those of the right one."""
    folder = tmp_path_factory.mktemp("old")
    shutil.copytree(ROOT / "python", folder / "python")
    init = folder / "python" / "model_devops" / "__init__.py"
    lines = [line for line in init.read_text().splitlines() if not line.startswith("__version__")]
    init.write_text("\n".join([*lines, f'__version__ = "{OLD}"\n']))
    words = [sys.executable, str(ROOT / "tools" / "build_wheel.py"), str(folder), "--python", str(folder / "python")]
    subprocess.run(words, check=True)
    venv = folder / "venv"
    subprocess.run([str(BASE), "-I", "-m", "venv", "--without-pip", str(venv)], check=True)
    [packages], [others] = venv.glob("lib/*/site-packages"), cli.glob("lib/*/site-packages")
    with zipfile.ZipFile(folder / "model_devops.whl") as wheel:
        wheel.extractall(packages)
    (packages / "others.pth").write_text(f"{others}\n")
    script = venv / "bin" / "model-devops"
    main = "from model_devops.__main__ import main\nmain()\n"
    script.write_text(f"#!{venv / 'bin' / 'python'}\n{main}")
    script.chmod(0o755)
    return venv


def taken(agent: Agent, **variables: str) -> None:
    """The call works without the wheel and makes nothing."""
    done = agent.run(brings=False, **variables)
    assert done.code == 0, done.out + done.err
    assert done.result is not None
    assert done.result["program"] == agent.library.facts["version"]
    assert agent.entries() == []


@pytest.mark.parametrize("named", ["", "bin/python", "bin/model-devops"])
def test_named_cli_is_taken(agent: Agent, cli: Path, named: str) -> None:
    """By its virtual environment, interpreter or script; the script's path has a space, so pip wrote a long shebang."""
    assert (cli / "bin" / "model-devops").read_text().startswith("#!/bin/sh\n'''exec'")
    taken(agent, MODEL_DEVOPS_CLI=str(cli / named))


def test_named_cli_may_be_a_name_on_path(make_agent: Callable[..., Agent], cli: Path) -> None:
    agent = make_agent(python3=BASE, my_cli=cli / "bin" / "model-devops")
    taken(agent, MODEL_DEVOPS_CLI="my-cli")


def test_named_script_may_find_its_python_on_path(make_agent: Callable[..., Agent], cli: Path, tmp_path: Path) -> None:
    """Its shebang is `/usr/bin/env python…`, and what is on PATH starts the interpreter by a script, as pyenv does."""
    wrapper = (
        f"#!/bin/sh\nexec '{str(cli).replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}/bin/python' \"$@\"\n"
    )
    agent = make_agent(python3=BASE, python_of_cli=wrapper)
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env python-of-cli\nfrom model_devops.__main__ import main\nmain()\n")
    script.chmod(0o755)
    taken(agent, MODEL_DEVOPS_CLI=str(script))
    taken(agent, MODEL_DEVOPS_CLI="python-of-cli")


@pytest.mark.parametrize("brings", [True, False])
@pytest.mark.parametrize("named", ["", "bin/python", "bin/model-devops"])
def test_named_cli_of_a_wrong_version_is_refused(agent: Agent, old: Path, named: str, brings: bool) -> None:
    end = agent.run(brings=brings, MODEL_DEVOPS_CLI=str(old / named))
    assert (end.code, end.error["kind"]) == (2, "agent")
    needed = agent.library.facts["version"]
    assert end.error["message"] == (
        f'agent "a bare agent": MODEL_DEVOPS_CLI={old / named} has model-devops {OLD}, '
        f"this library needs exactly {needed}"
    )
    assert f"install model-devops {needed} there, or unset MODEL_DEVOPS_CLI" in end.error["hint"]
    assert agent.entries() == []


def test_named_cli_that_is_none_is_refused(agent: Agent, tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("text\n")
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/python3\n")
    broken.chmod(0o755)
    for named, found in (
        (tmp_path / "nowhere", "nothing that can be run"),
        (plain, "nothing that can be run"),
        (tmp_path, "nothing that can be run"),
        (broken, "No such file or directory"),
        (BASE, "No module named model_devops"),
        ("no-such-cli", "nothing that can be run"),
        ("/not UTF-8 \udcff", "nothing that can be run"),
    ):
        end = agent.run(MODEL_DEVOPS_CLI=str(named))
        assert end.code == 2, end
        assert f"MODEL_DEVOPS_CLI={named} has no model-devops that runs (" in end.error["message"]
        assert found in end.error["message"]
    assert agent.entries() == []


def test_cli_of_the_very_interpreter_is_taken(agent: Agent, cli: Path) -> None:
    """As in a container image that has it."""
    taken(agent, MODEL_DEVOPS_PYTHON=str(cli / "bin" / "python"))


def test_cli_on_path_is_taken(make_agent: Callable[..., Agent], cli: Path) -> None:
    taken(make_agent(python3=BASE, model_devops=cli / "bin" / "model-devops"))


def test_cli_of_a_wrong_version_on_path_is_passed_over_and_told_of(
    make_agent: Callable[..., Agent], old: Path, tmp_path: Path
) -> None:
    agent = make_agent(python3=BASE, model_devops=old / "bin" / "model-devops")
    needed = agent.library.facts["version"]
    script = Path(agent.variables["PATH"]) / "model-devops"
    told = f"{script} was passed over: it has model-devops {OLD}, {needed} is needed"
    asked = agent.run(brings=False)
    assert (asked.code, asked.result) == (75, None)
    assert told in asked.out
    (tmp_path / "empty").mkdir()
    failed = agent.run(PIP_FIND_LINKS=str(tmp_path / "empty"))
    assert {"message": told} in failed.error["problems"]
    done = agent.run()
    assert done.code == 0, done.out + done.err
    assert told in done.out
    assert len(agent.whole()) == 1


def test_cli_of_a_wrong_version_of_the_very_interpreter_is_passed_over(agent: Agent, old: Path) -> None:
    python = str(old / "bin" / "python")
    asked = agent.run(brings=False, MODEL_DEVOPS_PYTHON=python)
    assert (asked.code, asked.result) == (75, None)
    assert f"{python} was passed over: it has model-devops {OLD}" in asked.out


def test_one_that_was_made_here_goes_before_what_is_preinstalled_and_after_what_is_named(
    agent: Agent, old: Path, tmp_path: Path
) -> None:
    """A call asks nobody else then, which would cost it time; but a name that is given always counts."""
    assert agent.run().code == 0
    script = Path(agent.variables["PATH"]) / "model-devops"
    script.write_text(f"#!/bin/sh\n: >'{tmp_path}/asked'\n")
    script.chmod(0o755)
    assert agent.run(brings=False).code == 0
    assert not (tmp_path / "asked").exists()
    assert agent.run(brings=False, MODEL_DEVOPS_CLI=str(old)).code == 2
    assert agent.run(brings=False, MODEL_DEVOPS_CLI_KEY="0" * 32).code == 75
    assert (tmp_path / "asked").exists()
