"""Proof of images with nothing in them that could hash: by a container beside the server (D10)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster import Cluster
from deployed import Deployed, deployed_in

pytestmark = pytest.mark.timeout(300)
PROGRAM = "  command: python3 serve.py\n  digest: /model\n"


@pytest.fixture
def static(
    tmp_path: Path, cluster: Cluster, restricted_namespace: str, static_image: str, monkeypatch: pytest.MonkeyPatch
) -> Deployed:
    """A model that is served by a program without a shell, in a namespace for restricted pods."""
    found = deployed_in(restricted_namespace, tmp_path, cluster, monkeypatch)
    text = (found.mini.folder / "model.yaml").read_text()
    base = next(line for line in text.splitlines() if line.startswith("  base: "))
    found.settings(base, f"  base: {static_image}")
    found.settings(PROGRAM, "  command: /sample\n")
    found.settings("    replicas: 2\n", "    replicas: 1\n")
    return found


def beside(deployed: Deployed) -> list[str]:
    """The containers beside the server, of all pods."""
    return [one["name"] for pod in deployed.pods() for one in pod["spec"].get("ephemeralContainers") or []]


def test_D10_a_container_beside_the_server_measures_what_it_has(static: Deployed, python_image: str) -> None:
    static.release(1)
    refused = static.run("deploy", "prod")
    assert refused["code"] == 5, refused["err"]
    assert "proof measured is demanded and not available" in refused["error"]["message"]
    assert "`debug_image` of the environment may name one that has" in refused["error"]["message"]
    static.settings("    replicas: 1\n", f"    replicas: 1\n    debug_image: {python_image}\n")
    assert static.ok("deploy", "prod", "--release", "1.0.0")["revision"]["proof"] == ["image", "measured"]
    static.ok("status", "prod", "--check")
    static.ok("deploy", "prod", "--release", "1.0.0")
    assert beside(static) == ["model-devops-proof"], "the same one is asked again"


def test_D10_where_no_container_may_be_put_beside_it_the_level_is_missing_and_said(
    static: Deployed, python_image: str, tmp_path: Path
) -> None:
    static.settings("    replicas: 1\n", "    replicas: 1\n    proof: [image]\n")
    version = static.release(1)
    objects = [one for one in yaml.safe_load_all(static.printed("render", "prod", "--rbac")) if one]
    static.cluster.apply(*objects, namespace=static.namespace)  # without a debug_image it may not
    file = static.cluster.as_account(static.namespace, "mini-prod-ci", tmp_path / "kubeconfig.json")
    static.settings("    replicas: 1\n", f"    replicas: 1\n    debug_image: {python_image}\n")
    done = static.ok("deploy", "prod", "--release", version, KUBECONFIG=str(file))
    assert done["revision"]["proof"] == ["image"]
    static.settings("    proof: [image]\n", "    proof: [image, measured]\n")
    refused = static.run("deploy", "prod", "--release", version, KUBECONFIG=str(file))
    assert refused["code"] == 5, refused["err"]
    assert "pods/ephemeralcontainers" in refused["error"]["message"]
    allowed = [
        one for one in yaml.safe_load_all(static.printed("render", "prod", "--rbac", "--release", version)) if one
    ]
    static.cluster.apply(*allowed, namespace=static.namespace)
    static.ok("deploy", "prod", "--release", version, KUBECONFIG=str(file))  # proved again, with what is demanded now
    assert beside(static) == ["model-devops-proof"]
