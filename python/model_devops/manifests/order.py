"""The order in which objects are applied: what others need comes first. Pruning goes the other way."""

from __future__ import annotations

from collections.abc import Iterable

from model_devops.manifests.manifest import Manifest

FIRST = (
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Service",
)
LAST = ("Deployment", "StatefulSet", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress")


def rank(kind: str) -> int:
    """Kinds that nobody knows come between what is needed and what runs."""
    if kind in FIRST:
        return FIRST.index(kind)
    return len(FIRST) + (LAST.index(kind) + 1 if kind in LAST else 0)


def ordered(manifests: Iterable[Manifest]) -> list[Manifest]:
    """The same objects in the order in which they are applied."""
    return sorted(manifests, key=lambda one: (rank(one.kind), one.kind, one.name))
