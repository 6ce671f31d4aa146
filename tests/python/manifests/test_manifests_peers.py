"""kubeconform, with definitions made from the same source without our code, agrees on what definitions can say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.go_programs import KUBECONFORM, installed
from tests.support.kubernetes_changes import BROKEN, FINE
from tests.support.kubernetes_objects import RELEASE
from tests.support.kubernetes_values import TYPES
from tests.support.lacking import lacking, program

from model_devops.manifests import schemas

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools" / "kubernetes_schemas.py"
#: The oldest and the newest version: each one's module takes 100 MB and more.
ENDS = [schemas.versions()[0], schemas.versions()[-1]]
#: What kubeconform's JSON Schemas have no words for.
BEYOND = {
    "too large",
    "another word",
    "another word in a list",
    "quantity with B",
    "quantity with a blank",
    "not base64",
    "base64 without its end",
    "container twice",
    "variable twice",
    "container port twice",
    "mount path twice",
    "Service port twice",
}


def made(*arguments: str) -> None:
    program("go")
    done = subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True, text=True, check=False)
    if "can't be had" in done.stderr:
        lacking(f"Kubernetes' modules can't be downloaded here: {done.stderr}")
    assert done.returncode == 0, done.stderr


def refused(folder: Path, version: str) -> set[str]:
    """The files that kubeconform finds something wrong in, by stem."""
    kubeconform = installed(KUBECONFORM)
    made("--standalone", str(folder / "schemas"), "--version", version)
    place = str(folder / "schemas" / "{{.ResourceKind}}{{.KindSuffix}}.json")
    command = [
        kubeconform,
        "-strict",
        "-output",
        "json",
        "-verbose",
        "-schema-location",
        place,
        str(folder / "objects"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    judged = json.loads(done.stdout)["resources"]
    assert {one["status"] for one in judged} <= {"statusValid", "statusInvalid", "statusError"}, done.stdout
    assert {Path(one["filename"]).stem for one in judged} == {path.stem for path in (folder / "objects").iterdir()}
    return {Path(one["filename"]).stem for one in judged if one["status"] != "statusValid"}


@pytest.mark.timeout(900)  # the first run on a machine downloads and compiles kubeconform
@pytest.mark.parametrize("version", ENDS)
def test_kubeconform_refuses_what_definitions_refuse_and_nothing_that_we_take(tmp_path: Path, version: str) -> None:
    texts = {"release": RELEASE} | {name: change.text() for name, change in (BROKEN | FINE).items()}
    (tmp_path / "objects").mkdir()
    for name, text in texts.items():
        (tmp_path / "objects" / f"{name.replace(':', '')}.yaml").write_text(text)
    found = refused(tmp_path, version)
    assert found & {"release", *FINE} == set()
    assert TYPES.keys() - BEYOND <= found
    assert BEYOND & found == set()


@pytest.mark.parametrize("version", ENDS)
def test_what_the_package_carries_is_what_the_modules_say(version: str) -> None:
    made("--check", "--version", version)


def test_the_package_carries_little() -> None:
    assert Path(schemas.__file__).with_name("schemas.json.gz").stat().st_size < 50_000
