"""MODEL_DEVOPS_TEST_KUBECONFIG names a cluster to use; what needs one of the tests' own is left out, and says so."""

import os
import subprocess
import sys
from pathlib import Path

import cluster_programs
from cluster import Cluster
from cluster_use import ENVIRONMENT

TESTS = Path(__file__).parent


def test_a_named_cluster_is_used_and_never_stopped(cluster: Cluster) -> None:
    before = cluster.get("node", "node")["metadata"]["uid"]
    named = {"MODEL_DEVOPS_TEST_KUBECONFIG": str(cluster.kubeconfig), "MODEL_DEVOPS_TEST_REGISTRY": cluster.registry}
    named |= {"PATH": f"{cluster_programs.folder()}{os.pathsep}{ENVIRONMENT['PATH']}", "MODEL_DEVOPS_TEST_ALL": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(TESTS)]
    done = subprocess.run(
        [*command, "-k", "a_quota_blocks or comes_back"],
        env=ENVIRONMENT | named,
        cwd=TESTS.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "the cluster that MODEL_DEVOPS_TEST_KUBECONFIG names isn't the tests' to stop" in done.stdout
    assert cluster.get("node", "node")["metadata"]["uid"] == before
