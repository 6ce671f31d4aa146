"""What others add to what runs, beside what we set: found, refused, and removed once somebody says that it may go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployed import Deployed

pytestmark = pytest.mark.timeout(300)
SIDECAR = {"name": "spy", "image": "example.com/spy@sha256:" + "0" * 64, "imagePullPolicy": "Never"}


def spec(deployed: Deployed) -> dict[str, Any]:
    found: dict[str, Any] = deployed.object("deployment")["spec"]
    return found


def test_D11_what_was_added_by_hand_is_found_and_needs_a_word(deployed: Deployed) -> None:
    version = deployed.release(1)
    deployed.ok("deploy", "prod")
    before = spec(deployed)
    deployed.kubectl("rollout", "pause", "deployment", "mini-prod")  # so that the pods stay for a look at the rest
    deployed.kubectl("set", "env", "deployment", "mini-prod", "DEBUG=1")
    added = {"spec": {"template": {"spec": {"containers": [SIDECAR]}}}}
    deployed.kubectl("patch", "deployment", "mini-prod", "--type=strategic", "-p", json.dumps(added))
    deployed.kubectl("annotate", "deployment", "mini-prod", "contact=Ada")
    fields = [
        ".spec.paused (added by kubectl-rollout)",
        ".spec.template.spec.containers[server].env (added by kubectl-set)",
        ".spec.template.spec.containers[spy] (added by kubectl-patch)",
    ]
    status = deployed.run("status", "prod", "--check")
    said = json.dumps(status["environments"])
    assert status["code"] != 0
    assert [field for field in fields if f"Deployment mini-prod {field}" not in said] == []
    refused = deployed.run("deploy", "prod")
    assert refused["code"] == 4
    assert [field for field in fields if field.replace("(added", "was added").rstrip(")") not in refused["err"]] == []
    deployed.ok("adopt", "prod", "--reason", "the search for the leak is over")
    plan = deployed.ok("plan", "prod")
    assert "containers[spy] was added by kubectl-patch, and is removed" in json.dumps(plan)
    assert deployed.ok("deploy", "prod")["revision"]["version"] == version
    assert spec(deployed) == before
    assert deployed.object("deployment")["metadata"]["annotations"]["contact"] == "Ada"
    deployed.ok("status", "prod", "--check")


def test_D11_a_return_removes_what_was_added_and_asks_nobody(deployed: Deployed) -> None:
    first = deployed.release(1)
    deployed.ok("deploy", "prod")
    before = spec(deployed)
    deployed.release(2)
    deployed.ok("deploy", "prod")
    deployed.kubectl("set", "env", "deployment", "mini-prod", "DEBUG=1")
    assert deployed.ok("rollback", "prod", "--reason", "slow")["revision"]["version"] == first
    assert spec(deployed)["template"]["spec"] == before["template"]["spec"]
