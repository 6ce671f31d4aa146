"""The smallest Role with which CI can do all that it does in an environment's namespace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from model_devops.manifests.manifest import Manifest

Rule = dict[str, Any]
APPLIED = ["get", "list", "create", "patch", "delete"]
"""What our own objects need: looked at, applied on the server's side, pruned."""
#: What is read and asked beside our own objects, with the reason. No name can be given for what is made or listed.
ALWAYS: list[tuple[str, list[str], list[str]]] = [
    ("", ["secrets"], ["get", "list", "create", "update", "delete"]),  # the revisions' records
    ("coordination.k8s.io", ["leases"], ["get", "create", "update"]),  # the lock
    ("apps", ["replicasets"], ["list"]),
    ("", ["pods", "events", "resourcequotas", "limitranges"], ["list"]),
    ("", ["pods/log"], ["get"]),
    ("", ["pods/exec", "pods/portforward"], ["get", "create"]),  # `get` before Kubernetes 1.35, `create` since
]


#: Where the environment names a `debug_image`.
BESIDE = ("", ["pods/ephemeralcontainers"], ["patch"])


def rules(manifests: Iterable[Manifest], *, beside: bool) -> list[Rule]:
    """The Role's rules for these objects; `beside`: and for containers beside the server."""
    kinds = sorted({(one.group, plural(one.kind)) for one in manifests})
    applied = [(group, [name], APPLIED) for group, name in kinds]
    return [
        {"apiGroups": [group], "resources": resources, "verbs": verbs}
        for group, resources, verbs in [*ALWAYS, *([BESIDE] if beside else []), *applied]
    ]


def plural(kind: str) -> str:
    """A kind's name in paths and Roles. True of all that Kubernetes brings, and of nearly all others."""
    name = kind.lower()
    if name.endswith(("s", "x", "ch", "sh")):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def role(name: str, namespace: str, manifests: Iterable[Manifest], *, beside: bool = False) -> list[dict[str, Any]]:
    """ServiceAccount, Role and RoleBinding for CI."""
    metadata = {"name": f"{name}-ci", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    reference = {"apiGroup": rbac, "kind": "Role", "name": metadata["name"]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": metadata, "rules": rules(manifests, beside=beside)},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        },
    ]
