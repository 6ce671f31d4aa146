"""The packaged project of packaged.py with environments in the tests' cluster."""

from __future__ import annotations

import itertools
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster
from containers import push_base
from mini_project import Mini
from packaged import make_packaged

#: Short waits: what they are for is tested with times of their own.
BLOCK = """\
environments:
  prod:
    target: kubernetes
    namespace: NAMESPACE
    prereleases: true
    replicas: 2
    min_ready: 1s
    drain: 0s
"""
_numbers = itertools.count()


class Deployed:
    """A project whose environment `prod` is a namespace of the tests' cluster."""

    def __init__(self, mini: Mini, cluster: Cluster, namespace: str) -> None:
        self.mini, self.cluster, self.namespace = mini, cluster, namespace

    def run(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """Run the real command; its result document."""
        return self.mini.run(*arguments, **environment)

    def ok(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """The same, and it must succeed."""
        result = self.run(*arguments, **environment)
        assert result["code"] == 0, result["err"]
        return result

    def printed(self, *arguments: str) -> str:
        """What a command prints for people and pipes; it must succeed."""
        command = [sys.executable, "-m", "model_devops", *arguments]
        return subprocess.run(command, cwd=self.mini.folder, check=True, stdout=subprocess.PIPE, text=True).stdout

    def release(self, seed: int, **files: str) -> str:
        """Build another release; its version."""
        self.mini.commit(f"seed {seed}", **{"params.yaml": f"seed: {seed}\n"}, **files)
        return str(self.ok("build")["release"]["version"])

    def settings(self, old: str, new: str) -> None:
        """Commit another model.yaml."""
        text = (self.mini.folder / "model.yaml").read_text()
        assert old in text
        self.mini.commit("settings", **{"model.yaml": text.replace(old, new)})

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """What kubectl finds of a kind, of this environment."""
        return list(self.cluster.get(kind, "-n", self.namespace, "-l", "app.kubernetes.io/instance=mini-prod")["items"])

    def object(self, kind: str, name: str = "mini-prod") -> dict[str, Any]:
        """One object."""
        return self.cluster.get(kind, name, "-n", self.namespace)

    def pods(self) -> list[dict[str, Any]]:
        """The pods that aren't on their way out."""
        return [one for one in self.objects("pods") if not one["metadata"].get("deletionTimestamp")]

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints in the environment's namespace."""
        return self.cluster.kubectl("-n", self.namespace, *arguments)


@pytest.fixture
def deployed(tmp_path: Path, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """Nothing is built or deployed yet."""
    return deployed_in(namespace, tmp_path, cluster, monkeypatch)


def deployed_in(namespace: str, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The same in a namespace of the test's choice."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("MODEL_DEVOPS_LEASE_SECONDS", "5")
    place = f"deployed-{secrets.token_hex(3)}-{next(_numbers)}"
    push_base(cluster.registry, f"{place}/python", "3")
    store, base = f"oci://{cluster.registry}/{place}", f"base: {cluster.registry}/{place}/python:3"
    mini = make_packaged(tmp_path / "a model", store, base)
    text = (mini.folder / "model.yaml").read_text()
    mini.commit("environments", **{"model.yaml": text + BLOCK.replace("NAMESPACE", namespace)})
    return Deployed(mini, cluster, namespace)
