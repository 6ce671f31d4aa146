"""Looking at many environments of a namespace, and at one that somebody changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_line import account, in_front
from deployed import Deployed

pytestmark = pytest.mark.timeout(200)


def test_many_environments_of_a_namespace_take_as_many_requests_as_a_few(deployed: Deployed, tmp_path: Path) -> None:
    """One list for each kind of object, whatever is there."""
    version = deployed.release(1)
    deployed.ok("deploy", "prod")
    text = (deployed.mini.folder / "model.yaml").read_text()
    account(deployed.cluster, deployed.namespace, "ci", role="cluster-admin")
    file = deployed.cluster.as_account(deployed.namespace, "ci", tmp_path / "kubeconfig.json")
    counts = {}
    with in_front(deployed.cluster, file) as proxy:
        for count in (2, 200):
            block = f"{{target: kubernetes, namespace: {deployed.namespace}, prereleases: true}}"
            more = "".join(f"  e{number}: {block}\n" for number in range(count - 1))
            deployed.mini.commit("more", **{"model.yaml": text + more})
            proxy.seen.clear()
            shown = deployed.ok("status", KUBECONFIG=str(file))["environments"]
            assert len(shown) == count
            assert {one["environment"]: one["runs"] for one in shown}["prod"] == version
            counts[count] = len(proxy.seen)
    assert counts[2] == counts[200]
    assert counts[200] <= 10


def test_each_way_in_which_what_runs_is_not_what_was_deployed_is_told(deployed: Deployed) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    deployed.kubectl("delete", "service", "mini-prod")
    told = deployed.run("status", "prod", "--check")
    assert told["code"] != 0
    assert "Service mini-prod is gone" in str(told["environments"])
    deployed.kubectl("delete", "deployment", "mini-prod")
    told = deployed.run("status", "prod", "--check")
    assert told["code"] != 0
    assert told["environments"][0]["runs"] in ("nothing", "unknown")
    assert "there is no Deployment mini-prod" in str(told["environments"])
    deployed.ok("deploy", "prod")
    deployed.ok("status", "prod", "--check")
