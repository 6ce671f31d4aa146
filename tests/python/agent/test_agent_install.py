"""The library brings the CLI to an agent that has nothing but Python and git."""

import os
import re
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from agents import BASE, Agent, changed, in_namespace, partial_python
from index_server import instead_of_folder
from mini_project import make_mini
from served import until


def done_well(agent: Agent, **options: object) -> str:
    """A call that must work; returns what it said."""
    done = agent.run(**options)
    assert done.code == 0, done.out + done.err
    assert done.result is not None
    assert done.result["program"] == agent.library.facts["version"]
    return done.out


def test_first_call_asks_for_the_wheel_and_the_second_installs_it(agent: Agent) -> None:
    asked = agent.run(brings=False)
    assert (asked.code, asked.result) == (75, None)
    assert agent.library.facts["version"] in asked.out
    assert agent.entries() == []
    assert "installing" in done_well(agent)
    [link] = agent.whole()
    assert link.name.startswith(agent.library.facts["key"] + "-py3.")
    assert len(agent.entries()) == 2  # what was made, and the link that names it
    assert "install" not in done_well(agent, brings=False)
    check = [str(link / "bin" / "python"), "-I", "-m", "pip", "check"]
    assert "No broken requirements" in subprocess.run(check, capture_output=True, text=True, check=True).stdout


def test_other_key_or_interpreter_has_an_environment_of_its_own(agent: Agent, tmp_path: Path) -> None:
    done_well(agent)
    assert agent.run(brings=False, MODEL_DEVOPS_CLI_KEY="0" * 32).code == 75
    other = partial_python(tmp_path / "other", without=())
    assert agent.run(brings=False, MODEL_DEVOPS_PYTHON=str(other)).code == 75
    assert agent.run(brings=False, MODEL_DEVOPS_PYTHON=str(BASE)).code == 0


def plain(line: str) -> str:
    """`NAME==VERSION` with the name as indexes write it."""
    name, _, version = line.lower().partition("==")
    return f"{re.sub(r'[-_.]+', '-', name)}=={version}"


def test_what_is_installed_is_what_the_library_names_and_no_more(agent: Agent, tmp_path: Path) -> None:
    """Its lock is complete, so nothing is added to it, not even what a package says that it needs."""
    agent.library = changed(agent.library, tmp_path / "library", without="markupsafe")
    done_well(agent)
    [link] = agent.whole()
    words = [str(link / "bin" / "python"), "-I", "-m", "pip", "list", "--format", "freeze"]
    there = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    needed = re.findall(r"^\S+==\S+", (agent.library.folder / "requirements.txt").read_text(), re.M)
    assert needed
    extra = {plain(line) for line in there if not line.startswith("setuptools==")} - {plain(line) for line in needed}
    assert extra == {f"model-devops=={agent.library.facts['version']}"}


def test_environment_whose_python_has_gone_is_made_again(agent: Agent) -> None:
    done_well(agent)
    [link] = agent.whole()
    gone = link.resolve()
    (link / "bin" / "python").unlink()
    assert agent.run(brings=False).code == 75
    assert "installing" in done_well(agent)
    assert agent.whole() == [link]
    assert link.resolve() != gone
    assert not gone.exists()


def test_P6_real_project_is_built_whatever_lies_in_the_way_of_python(agent: Agent, tmp_path: Path) -> None:
    """Modules in the workspace or on PYTHONPATH reach neither the installation nor the CLI: both run isolated."""
    agent.workspace.rmdir()
    make_mini(agent.workspace)
    for name in ("click", "model_devops", "venv", "ensurepip", "pip", "tempfile"):
        for folder in (agent.workspace, tmp_path):
            (folder / f"{name}.py").write_text("raise SystemExit('in the way')\n")
    variables = {"PYTHONPATH": str(tmp_path), "GIT_CONFIG_GLOBAL": os.environ["GIT_CONFIG_GLOBAL"]}
    built = agent.run("build", **variables)
    assert built.code == 0, built.out + built.err
    assert built.result is not None
    shown = agent.run("release show", {"release": built.result["release"]["version"]}, brings=False, **variables)
    assert shown.code == 0, shown.out + shown.err
    assert shown.result is not None
    assert shown.result["release"]["digest"] == built.result["release"]["digest"]


def test_two_builds_at_once_install_once(agent: Agent) -> None:
    calls = [agent.prepare(), agent.prepare()]
    agent.cache.mkdir(parents=True)
    processes = [agent.start(call, "schema") for call in calls]
    ends = [agent.finish(call, process) for call, process in zip(calls, processes, strict=True)]
    assert [end.code for end in ends] == [0, 0], ends
    said = "".join(end.out for end in ends)
    assert said.count("installing model-devops") == 1
    assert len(agent.entries()) == 2


def test_who_waits_for_the_lock_says_so_and_takes_what_was_made(agent: Agent) -> None:
    with instead_of_folder(agent) as index:
        index.stall = "pip"  # the last that is asked for
        first = agent.prepare()
        maker = agent.start(first, "schema")
        assert index.arrived.wait(60)
        second = agent.prepare()
        waiter = agent.start(second, "schema")
        assert waiter.stdout is not None
        assert "waiting for another build" in waiter.stdout.readline()
        index.go_on.set()
        assert agent.finish(first, maker).code == 0
        waited = agent.finish(second, waiter)
    assert (waited.code, "installing" in waited.out) == (0, False)


MOMENTS = ("pyvenv.cfg", "lib/*/site-packages/pip", "lib/*/site-packages/msgspec-*", "lib/*/site-packages/model_devops")


def came_to(agent: Agent, moment: str, process: subprocess.Popen[str]) -> bool:
    """Whether an attempt has made this file, or the process has ended."""
    return any(agent.cache.glob(f"*.d/{moment}")) or process.poll() is not None


def test_builds_killed_at_several_moments_leave_nothing_that_counts(agent: Agent) -> None:
    """SIGKILL to the build and all its processes; the next build removes what they left and makes it anew."""
    for moment in MOMENTS:
        call = agent.prepare()
        process = agent.start(call, "schema")
        until(partial(came_to, agent, moment, process), 60)
        assert process.poll() is None, "it came to its end"
        os.killpg(process.pid, signal.SIGKILL)
        assert agent.finish(call, process).code == -signal.SIGKILL
        [left] = agent.entries()
        assert list(left.glob(moment))
        assert agent.run(brings=False).code == 75
    done_well(agent)
    assert left not in agent.entries()
    assert len(agent.entries()) == 2


def test_what_is_left_is_removed_and_what_may_be_at_work_elsewhere_is_not(agent: Agent) -> None:
    """On a volume that several machines share no lock need hold between them; and old versions are made no more."""
    done_well(agent)
    [link], [old] = agent.whole(), [path for path in agent.entries() if not path.is_symlink()]
    link.unlink()
    other = agent.cache / f"another-key-py3.11-abc.{os.uname().nodename}.x.d"
    left = {
        "ours": agent.cache / f"{link.name}.{os.uname().nodename}.killed.d",
        "at work elsewhere": agent.cache / f"{link.name}.another-machine.x.d",
        "left elsewhere": agent.cache / f"{link.name}.another-machine.y.d",
        "at work on another version": agent.cache / f"another-key-py3.11-abc.{os.uname().nodename}.y.d",
        "left of another version": agent.cache / "yet-another-key-py3.11-abc.a-machine.z.d",
        "used by another version": other,
    }
    for folder in left.values():
        (folder / "bin").mkdir(parents=True)
    (agent.cache / "another-key-py3.11-abc").symlink_to(other.name)
    for name in ("left elsewhere", "left of another version", "used by another version"):
        os.utime(left[name], (time.time() - 90000,) * 2)
    done_well(agent)
    assert not old.exists()
    stay = {"at work elsewhere", "at work on another version", "used by another version"}
    assert {name for name, folder in left.items() if folder.exists()} == stay


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which files there are, and that none was written again; caches of bytecode aside."""
    files = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in files if not path.is_dir()}


def test_orphan_of_a_killed_build_does_not_reach_what_the_next_one_makes(agent: Agent) -> None:
    """Only the build is killed; its pip, stopped amid its work, goes on when another build has made the environment."""
    call = agent.prepare()
    process = agent.start(call, "schema")
    until(partial(came_to, agent, "lib/*/site-packages/msgspec-*", process), 60)
    [orphan] = psutil.Process(process.pid).children()
    orphan.suspend()
    process.kill()
    agent.finish(call, process)
    done_well(agent)
    [link] = agent.whole()
    before = written(link)
    orphan.resume()
    until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, 60)
    assert written(link) == before
    done_well(agent, brings=False)


def test_terminated_while_installing_leaves_nothing_and_says_so(agent: Agent) -> None:
    with instead_of_folder(agent) as index:
        index.stall = "pip"  # the last that is asked for
        call = agent.prepare()
        process = agent.start(call, "schema")
        assert index.arrived.wait(60)
        [child] = psutil.Process(process.pid).children()
        while process.poll() is None:  # a second signal does not disturb the clean-up
            process.terminate()
        end = agent.finish(call, process)
    assert (end.code, end.error["kind"]) == (143, "agent")
    assert "signal 15" in end.error["message"]
    assert agent.entries() == []
    assert not child.is_running()


def test_read_only_home_keeps_the_cli_with_the_workspace(agent: Agent) -> None:
    read_only = in_namespace(f"mount -t tmpfs -o ro none '{agent.home}'")
    said = done_well(agent, before=read_only)
    assert f"{agent.cache} can't be written (Read-only file system)" in said
    assert str(agent.below) in said
    assert len(agent.whole(agent.below)) == 1
    assert "install" not in done_well(agent, before=read_only, brings=False)


def test_home_that_is_no_path_counts_for_none(agent: Agent) -> None:
    done_well(agent, HOME="here")
    assert len(agent.whole(agent.below)) == 1
    assert list(agent.workspace.iterdir()) == []


def test_home_unset_is_the_one_of_the_user_database(agent: Agent, tmp_path: Path) -> None:
    users = tmp_path / "passwd"
    users.write_text(f"root:x:0:0:root:{agent.home}:/bin/sh\n")
    done_well(agent, HOME=None, before=in_namespace(f"mount --bind '{users}' /etc/passwd"))
    assert len(agent.whole()) == 1


@pytest.mark.parametrize(
    ("variable", "below"), [("XDG_CACHE_HOME", "model-devops/cli"), ("MODEL_DEVOPS_HOME", "cache/cli")]
)
def test_cache_is_where_the_program_has_its_own(agent: Agent, tmp_path: Path, variable: str, below: str) -> None:
    done_well(agent, **{variable: str(tmp_path / "kept here")})
    assert len(agent.whole(tmp_path / "kept here" / below)) == 1
    assert list(agent.home.iterdir()) == []


def test_P6_fork_has_a_cli_of_its_own_in_its_workspace(agent: Agent) -> None:
    """It neither uses nor makes the one that other builds of this user run."""
    done_well(agent)
    before = agent.entries()
    assert agent.run(brings=False, CHANGE_FORK="somebody").code == 75
    done_well(agent, CHANGE_FORK="somebody")
    assert len(agent.whole(agent.below)) == 1
    assert agent.entries() == before


def test_settings_of_pip_that_would_put_packages_elsewhere_are_undone(agent: Agent, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    names = ("TARGET", "PREFIX", "ROOT", "REPORT", "PYTHON", "REQUIREMENT", "CONSTRAINT")
    away = {f"PIP_{name}": str(elsewhere) for name in names}
    flags = dict.fromkeys(("PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN", "PIP_QUIET"), "1")
    done_well(agent, **away, **flags, PIP_NO_BINARY=":all:")
    assert not elsewhere.exists()
    assert not (agent.home / ".local").exists()
