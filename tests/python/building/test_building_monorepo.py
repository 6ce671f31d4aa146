"""Two models in one repository, built alternately and at once (V, B6): neither sees the other's versions."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mini_project import Mini, clone

#: Where the models lie. One name is the beginning of the other.
FOLDERS = {"mini": "models/small one", "mini-large": "models/large"}


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


@pytest.fixture
def mono(mini: Mini, remote: Path) -> Mini:
    """The repository; its two models have folders of their own."""
    for name, folder in FOLDERS.items():
        target = mini.folder / folder
        target.mkdir(parents=True)
        for item in ("model.yaml", "train.py", "evaluate.py", "params.yaml"):
            shutil.copy(mini.folder / item, target)
        shutil.copytree(mini.folder / "data", target / "data")
        text = (target / "model.yaml").read_text().replace("name: mini\n", f"name: {name}\n")
        (target / "model.yaml").write_text(text)
    mini.git("rm", "-rq", "model.yaml", "train.py", "evaluate.py", "params.yaml", "data")
    push(mini)
    return mini


def push(mono: Mini, **files: str) -> None:
    mono.commit(**files)
    mono.git("push", "-q", "origin", "HEAD:main")


def model_yaml(name: str) -> str:
    return f"{FOLDERS[name]}/model.yaml"


def build(mono: Mini, name: str) -> dict:
    return ok(mono.build("-f", model_yaml(name)))


def seed(name: str, value: int) -> dict[str, str]:
    return {f"{FOLDERS[name]}__params.yaml".replace("/", "__"): f"seed: {value}\n"}


def tags(mono: Mini) -> list[str]:
    lines = mono.git("ls-remote", "--tags", "--refs", "origin").splitlines()
    return sorted(line.split("refs/tags/")[1] for line in lines)


def test_V1_built_alternately_each_model_has_numbers_of_its_own(mono):
    assert [build(mono, name)["version"] for name in FOLDERS] == ["1.0.0", "1.0.0"]
    push(mono, **seed("mini-large", 2))
    assert [(build(mono, name)["version"]) for name in FOLDERS] == ["1.0.0", "1.0.1"]
    push(mono, **seed("mini", 2))
    assert [(build(mono, name)["version"]) for name in FOLDERS] == ["1.0.1", "1.0.1"]
    again = [build(mono, name) for name in FOLDERS]
    assert [(item["version"], item["new"]) for item in again] == [("1.0.1", False), ("1.0.1", False)]
    assert tags(mono) == ["mini-large@v1.0.0", "mini-large@v1.0.1", "mini@v1.0.0", "mini@v1.0.1"]
    for name in FOLDERS:
        listed = ok(mono.run("version", "list", "-f", model_yaml(name)))["versions"]
        assert [row["version"] for row in listed] == ["1.0.1", "1.0.0"]


def test_B6_what_is_uncommitted_in_one_model_does_not_hold_up_the_other(mono):
    (mono.folder / FOLDERS["mini"] / "params.yaml").write_text("seed: 9\n")
    refused = mono.build("-f", model_yaml("mini"))
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [item["file"] for item in refused["error"]["problems"]] == [f"{FOLDERS['mini']}/params.yaml"]
    assert build(mono, "mini-large")["version"] == "1.0.0"


def test_B7_a_later_release_of_one_model_does_not_supersede_the_other(mono, remote, tmp_path):
    old = clone(remote, tmp_path / "old")
    push(mono, **seed("mini-large", 2))
    build(mono, "mini-large")
    assert build(old, "mini")["version"] == "1.0.0"


def start(mono: Mini, name: str, number: int) -> subprocess.Popen[str]:
    command = ["build", "-f", model_yaml(name), "--param", f"seed={number}"]
    return subprocess.Popen(
        [sys.executable, "-m", "model_devops", "--json", *command],
        cwd=mono.folder,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return str(json.loads(out)["version"])


def test_V3_built_at_once_in_several_clones_and_in_one_nobody_disturbs_anybody(mono, remote, tmp_path):
    clones = [mono, *(clone(remote, tmp_path / f"clone {number}") for number in range(3))]
    running = [(name, start(each, name, number + 10)) for number, each in enumerate(clones) for name in FOLDERS]
    got: dict[str, list[str]] = {name: [] for name in FOLDERS}
    for name, process in running:
        got[name].append(finished(process))
    for name in FOLDERS:
        assert sorted(got[name]) == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
    assert len(tags(mono)) == 8


def test_B11_what_a_killed_build_of_one_model_left_is_not_put_into_the_other(mono):
    first, second = FOLDERS
    done = mono.build("-f", model_yaml(first), "--param", "seed=5", MODEL_DEVOPS_CRASH_AT="build.after-params")
    assert done["code"] == -signal.SIGKILL
    (mono.folder / FOLDERS[second] / "params.yaml").write_text("seed: 7\n")
    mono.git("commit", "-qm", "change", "--", f"{FOLDERS[second]}/params.yaml")
    mono.git("push", "-q", "origin", "HEAD:main")
    build(mono, second)
    assert (mono.folder / FOLDERS[second] / "params.yaml").read_text() == "seed: 7\n"
    build(mono, first)
    assert (mono.folder / FOLDERS[first] / "params.yaml").read_text() == "seed: 1\n"
