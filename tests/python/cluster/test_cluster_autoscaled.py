"""An autoscaler comes, changes and goes with releases; the number of pods is its alone while it is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployed import Deployed

pytestmark = pytest.mark.timeout(300)


def replicas(deployed: Deployed) -> int:
    return int(deployed.object("deployment")["spec"]["replicas"])


def scaler(deployed: Deployed) -> dict[str, Any] | None:
    found = deployed.objects("hpa")
    return dict(found[0]["spec"]) if found else None


def _as_the_autoscaler(deployed: Deployed, number: int) -> None:
    """There are no metrics here by which it would do so itself."""
    change = json.dumps({"spec": {"replicas": number}})
    who = ("--subresource=scale", "--field-manager=kube-controller-manager")
    deployed.kubectl("patch", "deployment", "mini-prod", *who, "--type=merge", "-p", change)


def test_an_autoscaler_over_three_releases_and_back(deployed: Deployed) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    fixed = "    replicas: 2\n"
    scaled = "    autoscale: {min: 1, max: 3}\n    resources: {cpu: 10m, memory: 64Mi}\n    env: {WHO: scaler}\n"
    deployed.settings(fixed, scaled)
    second = deployed.release(2)
    deployed.ok("deploy", "prod")
    assert replicas(deployed) == 2, "what ran before stays until the autoscaler says otherwise"
    assert (scaler(deployed) or {})["maxReplicas"] == 3
    _as_the_autoscaler(deployed, 3)
    deployed.kubectl("rollout", "status", "deployment", "mini-prod")
    deployed.settings("max: 3", "max: 4")
    deployed.release(3)
    deployed.ok("deploy", "prod")
    assert (replicas(deployed), (scaler(deployed) or {})["maxReplicas"]) == (3, 4)
    assert deployed.ok("deploy", "prod")["changed"] is False
    deployed.ok("status", "prod", "--check")
    deployed.release(4, **{"serve.py": "raise SystemExit('no such weights')\n"})
    deployed.settings("max: 4", "max: 5")
    deployed.ok("build")
    failed = deployed.run("deploy", "prod")
    assert failed["code"] == 5, failed["err"]
    assert (replicas(deployed), (scaler(deployed) or {})["maxReplicas"]) == (3, 4), "all of it came back"
    back = deployed.ok("rollback", "prod", "--to", second, "--reason", "slow")
    assert back["revision"]["version"] == second
    assert replicas(deployed) == 3
    deployed.settings(scaled.replace("max: 3", "max: 5"), fixed)
    deployed.ok("deploy", "prod", "--release", second)
    assert scaler(deployed) is None
    assert replicas(deployed) == 2
    deployed.ok("status", "prod", "--check")
