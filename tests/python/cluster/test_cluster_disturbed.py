"""A cluster whose own programs are killed in the middle of a rollout, and one with too few GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from cluster_use import wait_for
from deployed import Deployed, deployed_in
from job_use import nothing_left, running, told

SOAK = bool(os.environ.get("MODEL_DEVOPS_SOAK"))
pytestmark = pytest.mark.timeout(400)
#: What the cluster is without for a while, each in a rollout of its own.
PROGRAMS = ("kube-apiserver", "etcd", "kube-controller-manager", "kubelet")


@pytest.fixture
def alone(own_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """A project in a cluster of its own."""
    with own_cluster.namespace() as namespace:
        yield deployed_in(namespace, tmp_path, own_cluster, monkeypatch)


def test_a_cluster_that_loses_a_program_in_mid_rollout_only_delays_it(alone: Deployed) -> None:
    alone.settings("    min_ready: 1s\n", "    min_ready: 4s\n")
    alone.release(1)
    alone.ok("deploy", "prod")
    for number, name in enumerate(PROGRAMS, start=2):
        version = alone.release(number)
        before = {one["metadata"]["name"] for one in alone.pods()}
        with subprocess.Popen(
            [sys.executable, "-m", "model_devops", "deploy", "prod"],
            cwd=alone.mini.folder,
            env=os.environ,
            stderr=subprocess.PIPE,
            text=True,
        ) as deploying:
            wait_for(lambda before=before: {one["metadata"]["name"] for one in alone.pods()} - before)
            with alone.cluster.without(name):
                time.sleep(6)
            _, said = deploying.communicate(timeout=200)
        assert deploying.returncode == 0, f"without {name}: {said}"
        (told_now,) = alone.ok("status", "prod", "--check")["environments"]
        assert told_now["runs"] == version
    history = alone.ok("history", "prod")["history"]
    assert {one["status"] for one in history} == {"verified"}
    assert len(history) == 1 + len(PROGRAMS)


#: Each in words that the cluster doesn't keep.
RESOURCES = "{cpu: '0.050', memory: 1024Mi, gpu: 1}"
TEST = """\
test:
  run: ["python3 -c 'open(\\"metrics.json\\", \\"w\\").write(\\"{}\\")'"]
  kubernetes: {namespace: NAMESPACE, resources: {gpu: 1}}
environments:
"""


def test_gpus_are_counted_before_a_rollout_and_a_job_waits_for_one(alone: Deployed) -> None:
    """Two GPUs on the only node, as an extended resource: nothing that is rolled out or run looks at them."""
    (node,) = alone.cluster.get("nodes")["items"]
    patch = [
        {"op": "add", "path": f"/status/{where}/nvidia.com~1gpu", "value": "2"} for where in ("capacity", "allocatable")
    ]
    name = node["metadata"]["name"]
    alone.cluster.kubectl("patch", "node", name, "--subresource=status", "--type=json", "-p", json.dumps(patch))
    alone.settings("environments:\n", TEST.replace("NAMESPACE", alone.namespace))
    alone.settings("  digest: /model\n", f"  digest: /model\n  resources: {RESOURCES}\n")
    alone.mini.commit("no metrics", **{".gitignore": "model/\ntrained.log\nmetrics.json\n"})
    alone.release(1)
    alone.ok("deploy", "prod")
    limits = [one["spec"]["containers"][0]["resources"]["limits"] for one in alone.pods()]
    assert [one["nvidia.com/gpu"] for one in limits] == ["1", "1"]
    version = alone.release(2)
    alone.ok("deploy", "prod")  # one after the other: there is no third GPU
    alone.settings("    replicas: 2\n", "    replicas: 3\n")
    planned = alone.ok("plan", "prod", "--release", version)
    words = "1 more pods at its height, and the nodes of today have room for 0 of them (nvidia.com/gpu is scarce)"
    assert any(words in one for one in planned["warnings"])
    if SOAK:  # two minutes
        failed = alone.run("deploy", "prod", "--release", version)
        assert failed["code"] == 5, failed["err"]
        assert "no node takes it" in failed["error"]["message"]
        assert "Insufficient nvidia.com/gpu" in failed["error"]["message"]
    alone.settings("    replicas: 3\n", "    replicas: 2\n")
    with running(alone, f"test --release {version}", lambda: "waits for a node: " in told(alone)) as testing:
        assert "Insufficient nvidia.com/gpu" in told(alone)
        alone.ok("stop", "prod")
        assert testing.wait(timeout=120) == 0, told(alone)
    alone.ok("deploy", "prod", "--release", version)
    wait_for(lambda: not alone.kubectl("get", "job", "-o", "name").strip())
    assert not nothing_left(alone), "the server's pods"
