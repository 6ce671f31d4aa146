"""Rollouts that can't succeed end early, with the cause, and what ran before serves on; others are not even begun."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deployed import Deployed
from model_devops.manifests import templates
from packaged import SERVE

pytestmark = pytest.mark.timeout(300)
DEPLOYMENT = (Path(templates.__file__).parent / "templates" / "deployment.yaml.j2").read_text()
NO_IMAGE = "REGISTRY/nothing@sha256:" + "0" * 64
SIDE = "        - {name: side, image: IMAGE, securityContext: {allowPrivilegeEscalation: false}}\n"
SECRET_ENV = "            - secretRef: {name: not-there}\n"
VOLUMES = "      volumes:\n"
VOLUME = "        - {name: more, secret: {secretName: not-there}}\n"
MOUNT = "            - {name: more, mountPath: /more}\n"
RESOURCES = "          resources: {{ resources }}\n"
#: How a team's template of the Deployment differs from ours, and what a deploy then says.
FAULTS = {
    "image": (VOLUMES, SIDE + VOLUMES, "can't be pulled"),
    "secret": (RESOURCES, SECRET_ENV + RESOURCES, 'secret "not-there" not found'),
    "volume": (VOLUMES, MOUNT + VOLUMES + VOLUME, 'secret "not-there" not found'),
    "memory": (VOLUMES, VOLUMES, "want of memory"),
}
GREEDY = 'import os; held = b"x" * (600 << 20) if os.environ.get("GREEDY") else b""\n' + SERVE


def environments(deployed: Deployed) -> str:
    """One environment for each fault."""
    blocks = []
    for name in FAULTS:
        more = "env: {GREEDY: very}, resources: {memory: 128Mi}" if name == "memory" else f"templates: faults/{name}"
        common = f"target: kubernetes, namespace: {deployed.namespace}, prereleases: true, replicas: 1, drain: 0s"
        blocks.append(f"  {name}: {{{common}, {more}}}\n")
    return "".join(blocks)


def faulty(deployed: Deployed) -> dict[str, str]:
    """Templates by the file that they lie in."""
    found = {}
    for name, (old, new, _) in FAULTS.items():
        text = DEPLOYMENT.replace(old, new)
        assert new in text
        image = NO_IMAGE.replace("REGISTRY", deployed.cluster.registry)
        found[f"faults/{name}/deployment.yaml.j2"] = text.replace("IMAGE", image)
    return found


def test_each_cause_ends_a_rollout_early_and_is_told(deployed: Deployed) -> None:
    """Whatever is first: no image, no Secret, no volume, no memory. Nothing is left of what never ran."""
    text = (deployed.mini.folder / "model.yaml").read_text() + environments(deployed)
    deployed.release(1, **{"model.yaml": text, "serve.py": GREEDY}, **faulty(deployed))

    def deploy(name: str) -> tuple[dict[str, Any], float]:
        began = time.monotonic()
        return deployed.run("deploy", name), time.monotonic() - began

    with ThreadPoolExecutor(len(FAULTS)) as pool:
        runs = dict(zip(FAULTS, pool.map(deploy, FAULTS), strict=True))
    for name, (found, _) in runs.items():
        assert found["code"] == 5, (name, found["err"])
        assert FAULTS[name][2] in found["error"]["message"], (name, found["error"]["message"])
        assert "nothing runs" in found["error"]["message"]
        report = next(one for one in found["reports"] if one["kind"] == "text")
        assert f"mini-{name}" in (deployed.mini.folder / report["path"]).read_text()
    assert max(seconds for _, seconds in runs.values()) < 120, "a deadline is minutes away"
    left = deployed.kubectl(
        "get", "deployment,service,configmap", "-l", "app.kubernetes.io/managed-by=model-devops", "-o", "name"
    )
    assert left == ""


def versions_of(deployed: Deployed) -> dict[str, str]:
    kinds = "deployment,service,configmap,secret,serviceaccount,networkpolicy,poddisruptionbudget,lease,hpa"
    listed = deployed.cluster.get(kinds, "-n", deployed.namespace)["items"]
    return {f"{one['kind']} {one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in listed}


def test_what_cannot_finish_is_told_by_plan_and_not_begun(deployed: Deployed) -> None:
    """Arithmetic on quotas and nodes, and fields that can't be changed in place; a plan writes nothing."""
    first = deployed.release(1)
    deployed.ok("deploy", "prod")
    deployed.kubectl("create", "quota", "small", "--hard=pods=2")
    deployed.release(2)
    before = versions_of(deployed)
    plan = deployed.run("plan", "prod")
    assert plan["code"] == 4, plan["err"]
    assert "quota small" in plan["err"]
    refused = deployed.run("deploy", "prod")
    assert refused["code"] == 4
    assert "small" in refused["error"]["message"]
    assert versions_of(deployed) == before | {"Lease mini-prod": versions_of(deployed)["Lease mini-prod"]}
    deployed.kubectl("delete", "quota", "small")
    deployed.settings("    replicas: 2\n", "    replicas: 2\n    resources: {cpu: '900'}\n")
    too_big = deployed.run("plan", "prod", "--release", first)
    assert too_big["code"] == 4, too_big["err"]
    assert "node" in too_big["err"]
    limit: dict[str, Any] = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "modest"}}
    limit["spec"] = {"limits": [{"type": "Container", "max": {"cpu": "500m"}}]}
    deployed.cluster.apply(limit, namespace=deployed.namespace)
    deployed.settings("    resources: {cpu: '900'}\n", "    resources: {cpu: 600m}\n")
    immodest = deployed.run("plan", "prod", "--release", first)
    assert immodest["code"] == 4, immodest["err"]
    assert "0.6 of cpu as its requests, and the LimitRange modest" in immodest["err"]
    deployed.kubectl("delete", "limitrange", "modest")
    deployed.settings("    resources: {cpu: 600m}\n", "    templates: t\n")
    text = DEPLOYMENT.replace("matchLabels: {{ selector }}\n  strategy", "matchLabels: {app: mini}\n  strategy")
    other = text.replace("labels: {{ pod_labels }}", 'labels: {app: mini, app.kubernetes.io/instance: "{{ name }}"}')
    deployed.release(3, **{"t/deployment.yaml.j2": other})
    fixed = deployed.run("plan", "prod")
    assert fixed["code"] == 4, fixed["err"]
    assert "spec.selector can't be changed in place" in fixed["err"]
    assert deployed.ok("status", "prod")["environments"][0]["runs"] == first
