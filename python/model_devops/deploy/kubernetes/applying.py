"""Making a revision's objects be there, and removing those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from model_devops import faults
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.deploy.kubernetes import foreign
from model_devops.deploy.kubernetes.view import REVISION
from model_devops.manifests.order import rank
from model_devops.manifests.values import INSTANCE

Object = dict[str, Any]
KEPT = ("PersistentVolumeClaim",)
"""Never removed: what is in them can't be brought back."""


def key(one: Object) -> tuple[str, str, str]:
    """What tells objects of a namespace apart: API version, kind and name."""
    return one["apiVersion"], one["kind"], one["metadata"]["name"]


def stamped(one: Object, number: int) -> Object:
    """An object that names the revision it belongs to: outside the pod template, so that nothing starts again."""
    metadata = one["metadata"]
    annotations = {**(metadata.get("annotations") or {}), REVISION: str(number)}
    return {**one, "metadata": {**metadata, "annotations": annotations}}


def apply(cluster: Cluster, objects: list[Object], number: int, check: Callable[[], None]) -> None:
    """Apply a revision's objects in their order. `check` raises where the lock was lost."""
    for one in objects:
        check()
        faults.point("kubernetes.mid-apply")
        wanted = stamped(one, number)
        if one["kind"] == foreign.KIND:
            _make_ours(cluster, one)
        cluster.apply(wanted, force=True)


def _make_ours(cluster: Cluster, deployment: Object) -> None:
    """Have the apply that follows leave nothing of what others added, and the number of pods to an autoscaler."""
    there = cluster.get(foreign.KIND, deployment["metadata"]["name"], deployment["metadata"]["namespace"])
    if there is None:
        return
    foreign.disown(cluster, there)
    if "replicas" not in deployment["spec"] and _owns_replicas(there):
        _hand_over(cluster, there)


def _hand_over(cluster: Cluster, there: Object) -> None:
    """Keep the number of pods while an autoscaler takes it over: a field that we stop owning goes back to 1.

    https://github.com/kubernetes/kubernetes/issues/67135
    """
    metadata = {name: there["metadata"][name] for name in ("name", "namespace")}
    wanted = {"apiVersion": "apps/v1", "kind": foreign.KIND, "metadata": metadata}
    cluster.apply({**wanted, "spec": {"replicas": there["spec"]["replicas"]}}, force=True, manager=foreign.HANDOVER)


def _owns_replicas(deployment: Object) -> bool:
    managers = deployment["metadata"].get("managedFields") or []
    return any(
        one.get("manager") == "model-devops" and "f:replicas" in ((one.get("fieldsV1") or {}).get("f:spec") or {})
        for one in managers
    )


def remove(cluster: Cluster, namespace: str, name: str, objects: Iterable[Object], check: Callable[[], None]) -> None:
    """Remove objects that are ours, what runs first and what others need last."""
    for one in sorted(objects, key=lambda one: -rank(one["kind"])):
        if one["kind"] in KEPT:
            continue
        check()
        faults.point("kubernetes.mid-remove")
        api, kind, own = key(one)
        there = cluster.get(f"{api}/{kind}", own, namespace)
        if there is not None and is_ours(there, name):
            cluster.delete(f"{api}/{kind}", own, namespace, uid=there["metadata"]["uid"])


def is_ours(there: Object, name: str) -> bool:
    """Whether an object has our mark (D11)."""
    labels = there["metadata"].get("labels") or {}
    return labels.get(INSTANCE) == name and labels.get("app.kubernetes.io/managed-by") == "model-devops"
