"""The whole flow in a namespace that admits only restricted pods, with exactly the Role that `render --rbac` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cluster import Cluster
from cluster_line import in_front
from deployed import Deployed, deployed_in
from fault_proxy import Proxy

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
#: Which of the two is asked for depends on the cluster's version.
EITHER = {("", "pods/exec"), ("", "pods/portforward")}
LATER = ("", "secrets", "delete")
"""What the eleventh revision needs (test_cluster_kills.py): records of the first one go."""
SETTINGS = """\
    autoscale: {min: 2, max: 3}
    resources: {cpu: 10m, memory: 64Mi}
    ingress: {host: mini.example.com}
"""


@pytest.fixture
def restricted(
    tmp_path: Path, cluster: Cluster, restricted_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Deployed:
    return deployed_in(restricted_namespace, tmp_path, cluster, monkeypatch)


def used(proxy: Proxy, namespace: str) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of all that was asked of the namespace. An apply that makes an object needs two."""
    found = set()
    for one in proxy.seen:
        path, _, _ = one.path.partition("?")
        match = re.fullmatch(
            rf"/(?:api|apis/([^/]+))/[^/]+/namespaces/{namespace}/([^/]+)(?:/([^/]+))?(?:/([^/]+))?", path
        )
        if match:
            group, resource, name, below = match.groups()
            verb = VERBS.get(one.method) or ("get" if name else "list")
            what = group or "", f"{resource}/{below}" if below else resource
            found |= {(*what, one) for one in ((verb, "create") if verb == "patch" else (verb,))}
    return found


@pytest.mark.timeout(400)
def test_the_role_that_is_printed_is_enough_and_none_of_it_too_much(restricted: Deployed, tmp_path: Path) -> None:
    restricted.settings("    replicas: 2\n", SETTINGS)
    first = restricted.release(1)
    printed = restricted.printed("render", "prod", "--rbac")
    objects = [one for one in yaml.safe_load_all(printed) if one]
    restricted.cluster.apply(*objects, namespace=restricted.namespace)
    (role,) = [one for one in objects if one["kind"] == "Role"]
    may = {
        (group, what, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for what in rule["resources"]
        for verb in rule["verbs"]
    }
    (account,) = [one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"]
    file = restricted.cluster.as_account(restricted.namespace, account, tmp_path / "kubeconfig.json")
    with in_front(restricted.cluster, file) as proxy:
        _whole_flow(restricted, first, KUBECONFIG=str(file))
        asked = used(proxy, restricted.namespace)
    refused = [f"{one.method} {one.path}" for one in proxy.seen if one.status == 403 and "/nodes" not in one.path]
    assert refused == []
    assert asked - may == set()
    unused = {one for one in may - asked if one[:2] not in EITHER and one != LATER}
    assert sorted(unused) == [], "less would do"
    assert {one[:2] for one in asked} >= EITHER


def _whole_flow(deployed: Deployed, first: str, **environment: str) -> None:
    deployed.ok("plan", "prod", **environment)
    deployed.ok("deploy", "prod", **environment)
    deployed.release(2, **{"serve.py": "raise SystemExit('no such weights')\n"})
    failed = deployed.run("deploy", "prod", **environment)
    assert failed["code"] == 5, failed["err"]
    assert "no such weights" in failed["error"]["message"]
    deployed.mini.git("revert", "--no-edit", "HEAD")
    deployed.release(3)
    deployed.kubectl("annotate", "service", "mini-prod", "contact=Ada")
    deployed.kubectl("set", "env", "deployment", "mini-prod", "DEBUG=1")
    assert deployed.run("deploy", "prod", **environment)["code"] == 4
    deployed.ok("adopt", "prod", "--reason", "found", **environment)
    deployed.ok("deploy", "prod", **environment)
    assert deployed.ok("rollback", "prod", "--reason", "slow", **environment)["revision"]["version"] == first
    deployed.ok("status", "prod", "--check", **environment)
    deployed.ok("status", **environment)
    deployed.ok("history", "prod", **environment)
    deployed.ok("unlock", "prod", "--force", "--reason", "nobody is there", **environment)
    deployed.ok("stop", "prod", "--reason", "over", **environment)
