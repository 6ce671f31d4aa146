"""Pod Security `restricted`: every example of Kubernetes' own module is judged as that module judges it."""

from __future__ import annotations

import json
import re
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest
from tests.support.kubernetes_fragments import SIZED
from tests.support.kubernetes_objects import RELEASE
from tests.support.lacking import lacking, program
from tests.support.written_manifests import written

from model_devops.errors import Problem
from model_devops.manifests.check import check

MODULE = "k8s.io/pod-security-admission@v0.34.4"


@lru_cache(maxsize=1)
def examples() -> Path:
    """The folder with pods that must pass and pods that must fail, one mistake each."""
    command = [program("go"), "mod", "download", "-json", MODULE]
    done = subprocess.run(command, capture_output=True, check=False, cwd="/")
    found = json.loads(done.stdout or b"{}")
    if "Dir" not in found:
        lacking(f"{MODULE} can't be downloaded here: {found.get('Error')}")
    return Path(found["Dir"], "test", "testdata", "restricted", "v1.34")


def refused(text: str) -> list[Problem]:
    """What is refused only because the pods must be restricted."""
    plainly = check(written(text), version="1.34").problems
    return [one for one in check(written(text), version="1.34", restricted=True).problems if one not in plainly]


def test_what_must_pass_passes() -> None:
    files = sorted((examples() / "pass").glob("*.yaml"))
    assert len(files) > 15
    assert {file.name: refused(file.read_text()) for file in files if refused(file.read_text())} == {}


def test_what_must_fail_fails() -> None:
    files = sorted((examples() / "fail").glob("*.yaml"))
    assert len(files) > 60
    assert [file.name for file in files if not refused(file.read_text())] == []


def test_little_else_is_said_of_the_examples() -> None:
    """One lacks a field that its definition asks for; in two a container is root and must not be."""
    files = sorted(examples().glob("*/*.yaml"))
    texts = {file.stem: file.read_text().replace(f"name: {file.stem}", "name: x") for file in files}
    said = [name for name, text in texts.items() if check(written(text), version="1.34").problems]
    assert said == ["restrictedvolumes17", "runasuser1", "runasuser2"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("            capabilities:\n              drop: [ALL]\n", "", "capabilities.drop: must name ALL"),
        (SIZED, "          hostPath: {path: /tmp}\n", "volumes[0].hostPath: is not allowed"),
        ("      restartPolicy: Always\n", "      hostNetwork: true\n", "spec.hostNetwork: is not allowed"),
        ("          type: RuntimeDefault\n", "          type: Unconfined\n", "type: Unconfined is not allowed"),
    ],
)
def test_templates_are_judged_as_pods_are(old: str, new: str, said: str) -> None:
    [problem] = refused(RELEASE.replace(old, new, 1))
    assert said in problem.message
    assert problem.line is not None
    assert problem.hint == "the namespace asks for Pod Security `restricted`"


def test_every_container_is_judged() -> None:
    text = re.sub(r"^ +allowPrivilegeEscalation: false\n", "", RELEASE, flags=re.MULTILINE)
    where = [problem.message.partition(": ")[2].rpartition(": ")[0] for problem in refused(text)]
    assert [place.split(".securityContext")[0].rpartition("spec.")[2] for place in where] == [
        "containers[0]",
        "initContainers[0]",
        "containers[0]",
        "containers[0]",
    ]
