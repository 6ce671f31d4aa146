"""The demo's story with its environments in a cluster: every act turns out as on one machine."""

import subprocess

import pytest

from cluster import Cluster
from demo_in_cluster import command, surroundings


@pytest.mark.timeout(900)
def test_the_whole_story_in_a_cluster(cluster: Cluster, namespace: str) -> None:
    told = command(cluster, namespace)
    done = subprocess.run(told, env=surroundings(cluster), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "proved: image, measured, reported" in done.stdout
    assert "Somebody changes what runs in the cluster" in done.stdout
    assert "Nothing is left running." in done.stdout
    kinds = "deployment,pod,service,configmap,horizontalpodautoscaler"
    left = cluster.kubectl(
        "get", kinds, "-n", namespace, "-l", "app.kubernetes.io/managed-by=model-devops", "-o", "name"
    )
    assert left == ""
