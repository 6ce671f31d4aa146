"""Indexes, mirrors and closed networks: success, or one message that says what to do."""

import shutil
import socket
from pathlib import Path

import pytest

from agents import Agent, Ending, changed, in_namespace, partial_python
from index_server import Index, make_authority, served

SECRET = "hunter2-and-more"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate of an own authority, certificate and key of a mirror)"""
    return make_authority(tmp_path_factory.mktemp("authority") / "ours")


@pytest.fixture
def open_agent(agent: Agent) -> Agent:
    """An agent that looks for packages on an index, and waits for none."""
    del agent.variables["PIP_NO_INDEX"], agent.variables["PIP_FIND_LINKS"]
    agent.variables |= {"PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    return agent


def refused(agent: Agent, end: Ending, code: int, *words: str) -> None:
    """It ended with this code and one message: which agent, what was found, what to do; and left nothing."""
    assert (end.code, end.error["kind"]) == (code, "agent"), end
    assert end.error["message"].startswith('agent "a bare agent": ')
    whole = "\n".join([end.error["message"], *(found["message"] for found in end.error["problems"]), end.error["hint"]])
    assert [word for word in words if word not in whole] == [], whole
    assert [word for word in words if word not in end.err] == []
    assert "Traceback" not in end.out + end.err
    assert agent.entries() == []


def test_mirror_with_an_authority_of_its_own(
    open_agent: Agent, wheels: Path, authority: tuple[Path, Path], tmp_path: Path
) -> None:
    """By PIP_CERT and a password, then the same in pip.conf; without its certificate: what to do, and no password."""
    certificate, key = authority
    with served(Index(wheels, password=SECRET), key) as index:
        url = index.url.replace("://", f"://somebody:{SECRET}@")
        untrusted = open_agent.run(PIP_INDEX_URL=url)
        refused(open_agent, untrusted, 8, "certificate is not trusted", "PIP_CERT")
        assert SECRET not in untrusted.out + untrusted.err + str(untrusted.result)
        missing = open_agent.run(PIP_INDEX_URL=url, PIP_CERT=str(tmp_path / "nowhere.pem"))
        refused(open_agent, missing, 8, "certificate is not trusted", "PIP_CERT", "nowhere.pem")
        wrong = open_agent.run(PIP_INDEX_URL=url.replace(SECRET, "other"), PIP_CERT=str(certificate))
        refused(open_agent, wrong, 2, "refuses these credentials", "401 Client Error", "PIP_INDEX_URL")
        conf = tmp_path / "pip.conf"
        conf.write_text(f"[global]\nindex-url = {url}\ncert = {certificate}\n")
        done = open_agent.run(PIP_CONFIG_FILE=str(conf))
    assert done.code == 0, done.out + done.err
    assert SECRET not in done.out + done.err + str(done.result)


def test_index_that_nobody_serves(open_agent: Agent) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://user:{SECRET}@127.0.0.1:{closed.getsockname()[1]}/simple"
        end = open_agent.run(PIP_INDEX_URL=url)
    refused(open_agent, end, 8, "no package index answers", "PIP_INDEX_URL", "PIP_FIND_LINKS")
    assert SECRET not in end.out + end.err + str(end.result)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_index_that_is_out_of_order(open_agent: Agent, wheels: Path, status: int) -> None:
    with served(Index(wheels, status=status)) as index:
        end = open_agent.run(PIP_INDEX_URL=index.url)
    refused(open_agent, end, 8, "no package index answers", f"Could not fetch URL {index.url}", str(status))


def test_package_with_other_bytes_is_refused(open_agent: Agent, wheels: Path) -> None:
    with served(Index(wheels, changed="semver")) as index:
        end = open_agent.run(PIP_INDEX_URL=index.url)
    refused(open_agent, end, 4, "other bytes", "semver", "Expected sha256", "find out who changed it")


def test_folder_of_wheels_that_lacks_one_names_it(agent: Agent, wheels: Path, tmp_path: Path) -> None:
    some = tmp_path / "some"
    shutil.copytree(wheels, some, ignore=shutil.ignore_patterns("rfc8785*"))
    end = agent.run(PIP_FIND_LINKS=str(some))
    refused(agent, end, 2, "rfc8785", "docs/agents.md")


def test_place_of_wheels_that_is_none_is_named_without_its_password(
    agent: Agent, open_agent: Agent, tmp_path: Path
) -> None:
    missing = agent.run(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "nowhere"))
    refused(agent, missing, 2, f"'{tmp_path}/nowhere' is ignored", "docs/agents.md")
    mistyped = agent.run(PIP_INDEX_URL=f"htps://user:{SECRET}@127.0.0.1/simple")
    refused(agent, mistyped, 2, "'htps://***@127.0.0.1/simple/", "is ignored")
    assert SECRET not in mistyped.out + mistyped.err + str(mistyped.result)


@pytest.mark.parametrize("file", ["requirements.txt", "model_devops-{version}-py3-none-any.whl"])
def test_what_was_changed_on_its_way_is_refused(agent: Agent, file: str) -> None:
    call = agent.prepare()
    with (call / file.format(version=agent.library.facts["version"])).open("ab") as stream:
        stream.write(b"\n")
    end = agent.finish(call, agent.start(call, "schema"))
    refused(agent, end, 4, agent.library.facts["key"], "run this again")


def test_requirements_that_did_not_arrive(agent: Agent) -> None:
    call = agent.prepare()
    (call / "requirements.txt").unlink()
    refused(agent, agent.finish(call, agent.start(call, "schema")), 2, "requirements.txt", "No such file")


def test_packages_without_hashes_are_refused(agent: Agent, tmp_path: Path) -> None:
    agent.library = changed(agent.library, tmp_path / "library", hashes=False)
    refused(agent, agent.run(), 2, "Hashes are required")


def test_cli_that_does_not_start_is_not_kept(agent: Agent, tmp_path: Path) -> None:
    agent.library = changed(agent.library, tmp_path / "library", without="click")
    refused(agent, agent.run(), 2, "no model-devops that runs", "No module named 'click'", "install.log")


def test_python_that_cannot_make_environments(agent: Agent, tmp_path: Path) -> None:
    """As Debian's python3 without python3-venv."""
    python = partial_python(tmp_path / "partial", without=["ensurepip"])
    end = agent.run(MODEL_DEVOPS_PYTHON=str(python))
    refused(agent, end, 2, str(python), "no ensurepip", "apt-get install python3-venv", "MODEL_DEVOPS_PYTHON")


@pytest.mark.parametrize("limit", ["nr_inodes=5", "size=64k", "size=12m"])
def test_full_disk(agent: Agent, limit: str) -> None:
    """Full before anything is made, while pip is put there, and while packages are."""
    full = in_namespace(f"mount -t tmpfs -o {limit} none '{agent.home}'")
    refused(agent, agent.run(before=full), 8, "the disk is full", "free some space")
