"""Tests and training in the tests' cluster: what they need there, and how they are watched."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cluster_use import wait_for
from deployed import Deployed


def nothing_left(deployed: Deployed) -> bool:
    return not deployed.kubectl("get", "job,pod", "-o", "name").strip()


#: What the documentation says that CI needs.
RIGHTS = [
    ("batch", ["jobs"], ["get", "create", "delete"]),
    ("", ["pods", "events"], ["list"]),
    ("", ["pods/log"], ["get"]),
    ("", ["pods/exec"], ["get", "create"]),
]


def as_documented(tested: Deployed, folder: Path) -> str:
    """A kubeconfig with these rights and no others."""
    rbac, named = "rbac.authorization.k8s.io", {"name": "ci"}
    rules = [{"apiGroups": [group], "resources": names, "verbs": verbs} for group, names, verbs in RIGHTS]
    account = {"kind": "ServiceAccount", "name": "default", "namespace": tested.namespace}
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": named, "rules": rules}
    reference = {"apiGroup": rbac, "kind": "Role", **named}
    bound = {"roleRef": reference, "subjects": [account]}
    binding = {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": named, **bound}
    tested.cluster.apply(role, binding, namespace=tested.namespace)
    return str(tested.cluster.as_account(tested.namespace, "default", folder / "ci.json"))


@contextlib.contextmanager
def running(
    tested: Deployed, verb: str, until: Callable[[], bool], number: int = 1
) -> Iterator[subprocess.Popen[bytes]]:
    """A verb that is under way; ended with the block."""
    command = [sys.executable, "-m", "model_devops", *verb.split()]
    with output_of(tested, number).open("wb") as out:
        found = subprocess.Popen(command, cwd=tested.mini.folder, env=os.environ, stdout=out, stderr=out)
    try:
        wait_for(until)
        yield found
    finally:
        found.kill()
        found.wait()


def output_of(tested: Deployed, number: int) -> Path:
    return tested.mini.folder.parent / f"said-{number}.txt"


def told(tested: Deployed, number: int = 1) -> str:
    """What it said so far."""
    return output_of(tested, number).read_text()
