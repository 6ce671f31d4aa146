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

from containers import PLATFORM, push_base
from model_devops import __version__
from registries import distribution
from token_server import HTPASSWD, SECRET, USER

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
        self.login: dict[str, str] = {}
        """For what is done after the jobs, where the store asks for it."""
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
        self.job(["model-devops stop production; model-devops stop test"], self.login)


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


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a registry that asks everybody for a password."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: tests, path: '{folder}/htpasswd'}}}}"
    with distribution(folder / "registry", auth=auth) as host:
        yield host


def to_images(runner: Runner, host: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's releases lie in the registry, and are container images there."""
    runner.login = {"MODEL_DEVOPS_REGISTRY_USER": USER, "MODEL_DEVOPS_REGISTRY_PASSWORD": SECRET}
    with monkeypatch.context() as logged_in:
        for name, value in runner.login.items():
            logged_in.setenv(name, value)
        push_base(host, f"{path}/python", "3")
    work = runner.folder / "work"
    with (work / "model.yaml").open("a") as stream:
        stream.write(f"store: oci://{host}/{path}\npackage: {{base: '{host}/{path}/python:3', platform: {PLATFORM}}}\n")
    for words in (["commit", "--quiet", "--all", "-m", "Images"], ["push", "--quiet", "origin", "HEAD:main"]):
        subprocess.run(["git", *words], cwd=work, check=True)


def image_in(runner: Runner, variables: dict[str, str]) -> str:
    """The repository of the first release's image, with the login of these variables."""
    runner.job(["model-devops --result shown.json release show 1.0.0"], variables)
    document = json.loads((runner.folder / f"job {runner.jobs}" / "shown.json").read_text())
    return str(document["release"]["image"]["repository"])


def gitlab(runner: Runner, variables: dict[str, str]) -> None:
    """All jobs, in their order."""
    document = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    jobs = [(name, job) for name, job in document.items() if isinstance(job, dict) and "stage" in job]
    assert [job["stage"] for _, job in jobs] == document["stages"]
    for name, job in jobs:
        manual = name == "user-test"
        assert any(rule.get("when") == "manual" for rule in job.get("rules", [])) == manual
        who = {"CI_JOB_MANUAL": "true", "GITLAB_USER_LOGIN": "grace"} if manual else {"GITLAB_USER_LOGIN": "ada"}
        runner.job(job["script"], GITLAB | variables | who)
    assert runner.serves(runner.production) == runner.serves(runner.test) == "1.0.0"


def gitlab_variables(**predefined: str) -> dict[str, str]:
    """The example's own variables as GitLab expands them; what isn't defined is empty."""
    written = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["variables"]
    return {name: predefined.get(value.removeprefix("$"), "") for name, value in written.items()}


def test_gitlab(runner: Runner) -> None:
    gitlab(runner, gitlab_variables())


def test_gitlab_with_images_in_a_registry(runner: Runner, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    to_images(runner, registry, "gitlab", monkeypatch)
    variables = gitlab_variables(CI_REGISTRY=registry, CI_REGISTRY_USER=USER, CI_REGISTRY_PASSWORD=SECRET)
    gitlab(runner, variables)
    assert image_in(runner, variables) == f"{registry}/gitlab/tiny/image"


def github(runner: Runner, variables: dict[str, str]) -> None:
    """All jobs, in their order."""
    document = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    for name, job in document["jobs"].items():
        commands = [step["run"] for step in job["steps"] if "run" in step and "pip install" not in step["run"]]
        runner.job(commands, GITHUB | variables | {"GITHUB_JOB": name})
    assert runner.serves(runner.production) == runner.serves(runner.test) == "1.0.0"


def github_variables(host: str) -> dict[str, str]:
    """The workflow's own variables as GitHub expands them, with this registry in place of GitHub's."""
    known = {"ghcr.io": host, "${{ github.actor }}": USER, "${{ github.token }}": SECRET}
    document = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    assert document["permissions"]["packages"] == "write"
    return {name: known[value] for name, value in document["env"].items()}


def test_github(runner: Runner) -> None:
    github(runner, github_variables("ghcr.io"))


def test_github_with_images_in_a_registry(runner: Runner, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    to_images(runner, registry, "github", monkeypatch)
    variables = github_variables(registry)
    github(runner, variables)
    assert image_in(runner, variables) == f"{registry}/github/tiny/image"


@pytest.mark.parametrize("name", ["gitlab-ci.yml", "github-actions.yml"])
def test_the_version_that_is_installed_is_this_one(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert text.count("pip install") == text.count(f"model-devops.git@v{__version__}#subdirectory=python") > 0
