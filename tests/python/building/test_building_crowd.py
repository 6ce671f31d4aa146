"""Fifty clones of one remote that build one commit at once, sharing no lock and no store (V3, V4)."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mini_project import Mini, clone
from model_devops.release.layout import LayoutStore

CLONES = 50


def home_of(each: Mini) -> Path:
    return each.folder.with_name(f"home of {each.folder.name}")


def start(each: Mini, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "model_devops", "--json", "build", *arguments],
        cwd=each.folder,
        env={**os.environ, "MODEL_DEVOPS_HOME": str(home_of(each))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> dict:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return json.loads(out)


def built_at_once(
    remote: Path, folder: Path, arguments: Callable[[int], list[str]]
) -> tuple[list[dict], list[LayoutStore]]:
    """The results of all builds, and the store of each."""
    clones = [clone(remote, folder / f"clone {number}") for number in range(CLONES)]
    started = [start(each, *arguments(number)) for number, each in enumerate(clones)]
    results = [finished(process) for process in started]
    return results, [LayoutStore(next(home_of(each).glob("stores/*/mini"))) for each in clones]


def holds(store: LayoutStore, result: dict) -> None:
    """The store has the release that the build named, whole, and says what the build said of it."""
    stored = store.find(result["version"])
    assert stored is not None
    assert stored.digest == result["digest"]
    assert store.verify(stored) == store.problems() == []
    assert [item.kind for item in store.evidence(stored.digest)] == ["built"]


def tags(remote: Path) -> list[str]:
    command = ["git", "for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags"]
    return subprocess.run(command, cwd=remote, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.timeout(600)
def test_V3_fifty_clones_with_different_parameters_get_fifty_versions(mini, remote, tmp_path):
    results, stores = built_at_once(remote, tmp_path, lambda number: ["--param", f"seed={number + 100}"])
    for result, store in zip(results, stores, strict=True):
        assert result["new"]
        holds(store, result)
    versions = {result["version"] for result in results}
    assert versions == {"1.0.0"} | {f"1.0.{number}" for number in range(1, CLONES)}, "each number once, none left out"
    assert sorted(tags(remote)) == sorted(f"mini@v{version}" for version in versions)


@pytest.mark.timeout(600)
def test_V4_fifty_clones_with_equal_inputs_get_one_version_and_all_hold_its_bytes(mini, remote, tmp_path):
    results, stores = built_at_once(remote, tmp_path, lambda _: [])
    for result, store in zip(results, stores, strict=True):
        holds(store, result)
    assert {result["version"] for result in results} == {"1.0.0"}
    assert len({result["digest"] for result in results}) == 1
    assert sum(result["new"] for result in results) == 1, "one claimed it, the others found it"
    assert tags(remote) == ["mini@v1.0.0"]
