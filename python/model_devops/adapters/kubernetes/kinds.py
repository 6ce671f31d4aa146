"""Which kinds of objects there are, and under which path the API keeps them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple
from urllib.parse import quote

from model_devops.errors import UsageError

#: The usual kinds, by the version in which a supported cluster has them; other kinds are asked for.
USUAL: Mapping[str, Mapping[str, str]] = {
    "v1": {
        "ConfigMap": "configmaps",
        "Event": "events",
        "LimitRange": "limitranges",
        "Namespace": "namespaces",
        "Node": "nodes",
        "PersistentVolume": "persistentvolumes",
        "PersistentVolumeClaim": "persistentvolumeclaims",
        "Pod": "pods",
        "ResourceQuota": "resourcequotas",
        "Secret": "secrets",
        "Service": "services",
        "ServiceAccount": "serviceaccounts",
    },
    "apps/v1": {
        "ControllerRevision": "controllerrevisions",
        "DaemonSet": "daemonsets",
        "Deployment": "deployments",
        "ReplicaSet": "replicasets",
        "StatefulSet": "statefulsets",
    },
    "authentication.k8s.io/v1": {"SelfSubjectReview": "selfsubjectreviews"},
    "authorization.k8s.io/v1": {
        "SelfSubjectAccessReview": "selfsubjectaccessreviews",
        "SelfSubjectRulesReview": "selfsubjectrulesreviews",
    },
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "batch/v1": {"CronJob": "cronjobs", "Job": "jobs"},
    "coordination.k8s.io/v1": {"Lease": "leases"},
    "discovery.k8s.io/v1": {"EndpointSlice": "endpointslices"},
    "networking.k8s.io/v1": {
        "Ingress": "ingresses",
        "IngressClass": "ingressclasses",
        "NetworkPolicy": "networkpolicies",
    },
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": "clusterroles",
        "ClusterRoleBinding": "clusterrolebindings",
        "Role": "roles",
        "RoleBinding": "rolebindings",
    },
    "scheduling.k8s.io/v1": {"PriorityClass": "priorityclasses"},
    "storage.k8s.io/v1": {"StorageClass": "storageclasses"},
}
#: Those of the usual kinds that lie in no namespace.
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "IngressClass",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "SelfSubjectAccessReview",
    "SelfSubjectReview",
    "SelfSubjectRulesReview",
    "StorageClass",
}


class Kind(NamedTuple):
    """A kind of objects of one version of the API."""

    api: str
    """Such as `apps/v1`."""
    name: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Where its objects are, or one of them; an empty namespace means all."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        inside = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")

    def __str__(self) -> str:
        return f"{self.name} ({self.api})"


_BY_NAME = {
    name: Kind(api, name, plural, name not in CLUSTER_WIDE)
    for api, plurals in USUAL.items()
    for name, plural in plurals.items()
}


@dataclass
class Kinds:
    """All kinds that a cluster has. Those that aren't usual are asked for, once for each version of an API group."""

    ask: Callable[[str], Mapping[str, Any] | None]
    """What the cluster says under a path, or None where there is nothing."""
    _known: dict[str, dict[str, Kind]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def named(self, kind: str) -> Kind:
        """A usual kind by its name, or any as `GROUP/VERSION/KIND`. Raises UsageError (kind `no-such-kind`)."""
        api, _, name = kind.rpartition("/")
        if api:
            return self.of(api, name)
        if name in _BY_NAME:
            return _BY_NAME[name]
        near = get_close_matches(name, _BY_NAME, 1)
        hint = f"did you mean {near[0]}?" if near else "name other kinds as GROUP/VERSION/KIND"
        raise UsageError(f"{name!r} is none of the usual kinds", kind="no-such-kind", hint=hint)

    def of(self, api: str, name: str) -> Kind:
        """A kind of a version of the API, such as `monitoring.coreos.com/v1` and `ServiceMonitor`."""
        usual = _BY_NAME.get(name)
        if usual is not None and usual.api == api:
            return usual
        with self._lock:
            if name not in self._known.get(api, {}):  # asked again: it may have been installed meanwhile
                self._known[api] = self._asked(api)
            known = self._known[api]
        if name in known:
            return known[name]
        near = get_close_matches(name, known, 1)
        more = f"did you mean {near[0]}?" if near else "is what brings it installed there, and in this version?"
        raise UsageError(f"the cluster has no kind {name!r} in {api!r}", kind="no-such-kind", hint=more)

    def _asked(self, api: str) -> dict[str, Kind]:
        root = "apis" if "/" in api else "api"
        found = self.ask(f"/{root}/{quote(api)}") or {}
        entries = [entry for entry in found.get("resources") or [] if "/" not in entry["name"]]
        return {
            entry["kind"]: Kind(api, entry["kind"], entry["name"], bool(entry.get("namespaced"))) for entry in entries
        }
