"""Which Python runs, and what is said where none will do."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agents import BASE, Agent, partial_python


def old_python(version: str) -> str:
    """A script that answers as a Python of this version: what it is asked with -E -S -c runs, and finds it."""
    found = f"({version.replace('.', ', ')}, 'final', 0)"
    return (
        f"""#!/bin/sh\nshift 3\nexec '{BASE}' -c "import sys; sys.version_info = {found}; exec(sys.argv[1])" "$1"\n"""
    )


SHELLS = [
    [str(found), *words]
    for name, *words in (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"])
    if (found := shutil.which(name))
]


def told(agent: Agent, **options: object) -> str:
    """The message of a call that finds no Python; console and result say the same."""
    end = agent.run(**options)
    assert (end.code, end.error["kind"]) == (2, "agent"), end.out + end.err
    message, hint = end.error["message"], end.error["hint"]
    assert end.result is not None
    assert end.result["program"] == agent.library.facts["version"]
    assert end.result["summary"] == f"usage: {message}"
    assert end.err == f"model-devops: {message}\n  next: {hint}\n"
    assert "3.10 or newer is needed" in message
    assert "install Python 3.10 or newer" in hint
    assert "MODEL_DEVOPS_PYTHON" in hint
    return str(message)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
def test_python_absent(make_agent: Callable[..., Agent], shell: list[str]) -> None:
    agent = make_agent()
    message = told(agent, shell=shell)
    assert message.startswith('agent "a bare agent" has no Python')
    assert message.endswith(f"found: none on PATH={agent.variables['PATH']}")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
def test_what_was_found_is_named_with_its_version(make_agent: Callable[..., Agent], shell: list[str]) -> None:
    old = {"python3": old_python("3.8.10"), "python": old_python("2.7.18")}
    agent = make_agent(**old, **{"python3.12": "#!/bin/sh\necho not found >&2\nexit 127\n"})
    path = agent.variables["PATH"]
    found = f"{path}/python3 (3.8.10), {path}/python3.12 (does not start), {path}/python (2.7.18)"
    assert told(agent, shell=shell).endswith(f"found: {found}")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
def test_names_of_agents_are_written_as_json(make_agent: Callable[..., Agent], shell: list[str]) -> None:
    end = make_agent().run(shell=shell, NODE_NAME='büro "3" \\ a\tb')
    assert end.error["message"].startswith('agent "büro "3" \\ a b" has no Python')


def test_agent_without_a_name_is_told_by_its_host(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    assert told(agent, NODE_NAME=None).startswith(f'agent "{os.uname().nodename}" has no Python')
    end = agent.run(NODE_NAME=None, MODEL_DEVOPS_PYTHON=str(BASE), MODEL_DEVOPS_CLI="/nowhere")
    assert end.error["message"].startswith(f'agent "{os.uname().nodename}": MODEL_DEVOPS_CLI=/nowhere')


@pytest.mark.parametrize("name", ["python3", "python3.14", "python3.10", "python"])
def test_first_python_that_will_do_is_taken(make_agent: Callable[..., Agent], name: str, cli: Path) -> None:
    """An old one before it is passed over."""
    old = {} if name == "python3" else {"python3": old_python("3.9.2")}
    agent = make_agent(**old, **{name: BASE}, model_devops=cli / "bin" / "model-devops")
    done = agent.run(brings=False)
    assert (done.code, done.err) == (0, "")


def test_named_python_alone_counts(agent: Agent, tmp_path: Path) -> None:
    """There is a good one on PATH, but it was not meant."""
    old = tmp_path / "old python"
    old.write_text(old_python("3.9.2"))
    old.chmod(0o755)
    assert told(agent, MODEL_DEVOPS_PYTHON=str(old)).endswith(f"found: {old} (3.9.2)")
    message = told(agent, MODEL_DEVOPS_PYTHON="/no where/python3")
    assert message.endswith("found: no program /no where/python3, which MODEL_DEVOPS_PYTHON names")


def test_part_of_python_is_none(make_agent: Callable[..., Agent], tmp_path: Path) -> None:
    """As Debian's python3-minimal."""
    python = partial_python(tmp_path / "partial", without=["json", "dataclasses.py"])
    version = ".".join(map(str, __import__("sys").version_info[:3]))
    assert told(make_agent(python3=python)).endswith(f"({version} without its standard library)")


def test_python_gets_what_the_call_has(agent: Agent) -> None:
    """The exit code, the result and the CLI's own messages come through as they are."""
    end = agent.run("check", {"no": "such option"}, brings=True)
    assert end.code == 2
    assert end.error["problems"][0]["message"] == "there is no option 'no'"
