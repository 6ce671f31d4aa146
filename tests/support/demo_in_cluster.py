"""The demo's story in the tests' cluster. `python tests/support/demo_in_cluster.py` is `make demo-kubernetes`."""

import subprocess
import sys
from pathlib import Path

import cluster
from cluster import Cluster
from cluster_use import wait_until_gone
from containers import packages, push_base
from registries import ENVIRONMENT

DEMO = Path(__file__).parents[2] / "demo" / "run.py"


def command(used: Cluster, namespace: str) -> list[str]:
    """The demo's command line: releases and images in the cluster's registry, environments in a namespace."""
    base = f"{used.registry}/{namespace}/python"
    push_base(used.registry, f"{namespace}/python", "3", more=(packages("numpy", "safetensors"),))
    found = [sys.executable, str(DEMO), "--store", f"oci://{used.registry}/{namespace}"]
    found += ["--containers", f"{base}:3", "--kubernetes", namespace]
    return found + (["--bytes-in", str(used.registry_bytes)] if used.registry_bytes else [])


def surroundings(used: Cluster) -> dict[str, str]:
    """The environment in which the demo finds the cluster."""
    return ENVIRONMENT | {"KUBECONFIG": str(used.kubeconfig), "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> int:
    """Start what the story needs, play it, and end all."""
    if what := next(cluster.lacks(), "") if not cluster.KUBECONFIG else "":
        sys.exit(f"No cluster: {what}.")
    print("Starting a cluster and a registry", flush=True)
    with cluster.at_hand() as used, used.namespace() as namespace:
        code = subprocess.run(command(used, namespace), env=surroundings(used), check=False).returncode
    wait_until_gone()
    return code


if __name__ == "__main__":
    sys.exit(main())
