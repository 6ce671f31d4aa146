"""Credentials that a step binds for git: used where git speaks with the remote, seen nowhere else."""

# ruff: noqa: F811  pytest finds fixtures by the names of arguments

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_server import serving
from mini_project import Mini, mini  # noqa: F401  fixture
from model_devops.adapters import git_process
from model_devops.errors import RefusedError

PASSWORD = 's3cret with spaces, "quotes" and $dollars'


@pytest.fixture
def remote(mini: Mini, tmp_path: Path):
    """The project's remote, behind a server that wants a password; a helper of the machine has a wrong one."""
    bare = tmp_path / "served" / "team.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(mini.folder), str(bare)], check=True)
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=bare, check=True)
    with serving(tmp_path / "served", "robot", PASSWORD) as address:
        mini.git("remote", "add", "origin", f"{address}/team.git")
        mini.git("config", "credential.helper", "!echo username=wrong; echo password=wrong; #")
        yield bare


def test_a_bound_password_claims_a_version_and_reaches_no_command(mini: Mini, remote: Path, monkeypatch) -> None:
    monkeypatch.setenv(git_process.USER, "robot")
    monkeypatch.setenv(git_process.PASSWORD, PASSWORD)
    mini.commit(**{"train.py": (mini.folder / "train.py").read_text() + "\nimport os; print(sorted(os.environ))\n"})
    mini.git("push", "--quiet", str(remote), "HEAD:main")
    result = mini.run("build")
    assert result["code"] == 0, result
    tags = subprocess.run(["git", "tag"], cwd=remote, check=True, capture_output=True, text=True).stdout
    assert tags.split() == ["mini@v1.0.0"]
    assert PASSWORD not in str(result)
    assert git_process.PASSWORD not in str(result)


def test_without_it_the_remote_denies_and_the_message_shows_no_secret(mini: Mini, remote: Path, monkeypatch) -> None:
    monkeypatch.setenv(git_process.USER, "robot")
    monkeypatch.setenv(git_process.PASSWORD, "wrong-" + PASSWORD)
    with pytest.raises(RefusedError) as caught:
        raise git_process.failure(git_process.call(mini.folder, "ls-remote", "origin", network=True), network=True)
    assert caught.value.kind == "denied"
    assert PASSWORD not in caught.value.message


def test_the_password_is_on_no_command_line(mini: Mini, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(git_process.PASSWORD, PASSWORD)
    seen = tmp_path / "seen"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{seen}"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    git_process.call(mini.folder, "fetch", network=True)
    assert "fetch" in seen.read_text()
    assert PASSWORD not in seen.read_text()
    git_process.call(mini.folder, "status")
    assert "credential.helper" not in seen.read_text()


def test_a_bound_key_goes_before_everything_that_ssh_would_use(mini: Mini, tmp_path: Path, monkeypatch) -> None:
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/ssh"\nexit 1\n')
    fake.chmod(0o755)
    key = tmp_path / "a key"
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    monkeypatch.setenv(git_process.SSH_KEY, str(key))
    mini.git("remote", "add", "origin", "git@127.0.0.1:team.git")
    git_process.call(mini.folder, "ls-remote", "origin", network=True)
    words = (tmp_path / "ssh").read_text().splitlines()
    assert words[words.index("-i") + 1] == str(key)
    assert "IdentitiesOnly=yes" in words
