"""The examples for other CIs: every command of every job runs as it stands, in the order of the jobs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from model_devops import __version__

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "pipelines"
GITLAB = {"GITLAB_CI": "true", "CI_PIPELINE_URL": "http://localhost/p/1", "CI_PROJECT_PATH": "team/tiny", "CI": "true"}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "http://localhost",
    "GITHUB_REPOSITORY": "team/tiny",
    "GITHUB_RUN_ID": "7",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_TRIGGERING_ACTOR": "grace",
    "CI": "true",
}


class Runner:
    """A machine that jobs run on, each in a clone of its own; all see one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.jobs = 0
        (folder / "bin").mkdir()
        program = folder / "bin" / "model-devops"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m model_devops "$@"\n')
        program.chmod(0o755)
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            self.test, self.production = first.getsockname()[1], second.getsockname()[1]

    def job(self, commands: list[str], environment: dict[str, str]) -> None:
        self.jobs += 1
        clone = self.folder / f"job {self.jobs}"
        subprocess.run(["git", "clone", "--quiet", str(self.remote), str(clone)], check=True)
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        variables = os.environ | environment | {"PATH": path, "CI_JOB_ID": str(self.jobs)}
        for command in commands:
            words = ["bash", "-euo", "pipefail", "-c", command]
            done = subprocess.run(words, cwd=clone, env=variables, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def serves(self, port: int) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/model", timeout=5) as answer:
            return str(json.load(answer)["version"])

    def stop(self) -> None:
        self.job(["model-devops stop production; model-devops stop test"], {})


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    made = Runner(tmp_path)
    work = tmp_path / "work"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(made.remote)], check=True)
    subprocess.run(["git", "clone", "--quiet", str(made.remote), str(work)], check=True)
    for file in (ROOT / "tests" / "groovy" / "project").iterdir():
        text = file.read_text().replace("TEST_PORT", str(made.test)).replace("PRODUCTION_PORT", str(made.production))
        (work / file.name.replace("gitignore", ".gitignore")).write_text(text)
    for words in (["add", "--all"], ["commit", "--quiet", "-m", "Begin"], ["push", "--quiet", "origin", "HEAD:main"]):
        subprocess.run(["git", *words], cwd=work, check=True)
    yield made
    made.stop()


def test_gitlab(runner: Runner) -> None:
    document = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    jobs = [(name, job) for name, job in document.items() if isinstance(job, dict) and "stage" in job]
    assert [job["stage"] for _, job in jobs] == document["stages"]
    for name, job in jobs:
        manual = name == "user-test"
        assert any(rule.get("when") == "manual" for rule in job.get("rules", [])) == manual
        who = {"CI_JOB_MANUAL": "true", "GITLAB_USER_LOGIN": "grace"} if manual else {"GITLAB_USER_LOGIN": "ada"}
        runner.job(job["script"], GITLAB | who)
    assert runner.serves(runner.production) == runner.serves(runner.test) == "1.0.0"


def test_github(runner: Runner) -> None:
    document = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    for name, job in document["jobs"].items():
        commands = [step["run"] for step in job["steps"] if "run" in step and "pip install" not in step["run"]]
        runner.job(commands, GITHUB | {"GITHUB_JOB": name})
    assert runner.serves(runner.production) == runner.serves(runner.test) == "1.0.0"


@pytest.mark.parametrize("name", ["gitlab-ci.yml", "github-actions.yml"])
def test_the_version_that_is_installed_is_this_one(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert text.count("pip install") == text.count(f"model-devops.git@v{__version__}#subdirectory=python") > 0
