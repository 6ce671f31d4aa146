import os
import subprocess
import sys

import pytest

from jenkins_server import TOKEN, USER, jenkins_server
from mini_project import mini, remote  # noqa: F401  fixtures
from served import make_served


@pytest.fixture
def server(monkeypatch):
    with jenkins_server() as one:
        monkeypatch.setenv("JENKINS_URL", one.url)
        monkeypatch.setenv("JENKINS_USER", USER)
        monkeypatch.setenv("JENKINS_API_TOKEN", TOKEN)
        yield one


@pytest.fixture
def project(tmp_path):
    """A model with two environments and a remote."""
    served = make_served(tmp_path / "a model")
    served.git("remote", "add", "origin", "https://someone:s3cret@git.example/team/mini.git")
    return served


@pytest.fixture
def shell(tmp_path):
    """Runs the command as a person does; standard output as bytes."""

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "model_devops", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )

    return run
