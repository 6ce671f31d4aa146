"""What the cluster has of an environment right now: its Deployment, and which pods are whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model_devops.manifests.values import DOMAIN

Object = Mapping[str, Any]
REVISION = f"{DOMAIN}/revision"
_NUMBER = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class View:
    """One look at a Deployment with its ReplicaSets and pods."""

    deployment: Object | None
    replica_sets: list[Object]
    pods: list[Object]
    """All pods of the environment that aren't being removed."""
    ending: list[Object]
    """Those that are, and have their time for it."""

    @property
    def revision(self) -> int | None:
        """The number of our revision that was applied last."""
        text = _annotations(self.deployment).get(REVISION) if self.deployment else None
        return int(text) if text and text.isdigit() else None

    @property
    def current(self) -> Object | None:
        """The ReplicaSet of the Deployment's pod template, once the controller has made it."""
        if self.deployment is None or not self.observed:
            return None
        wanted = _annotations(self.deployment).get(_NUMBER)
        own = (one for one in self.replica_sets if owned_by(one, self.deployment))
        return next((one for one in own if wanted and _annotations(one).get(_NUMBER) == wanted), None)

    @property
    def new_pods(self) -> list[Object]:
        """The pods of the current ReplicaSet."""
        current = self.current
        return [one for one in self.pods if current is not None and owned_by(one, current)]

    @property
    def old_pods(self) -> list[Object]:
        """Pods of other ReplicaSets."""
        new = {one["metadata"]["uid"] for one in self.new_pods}
        return [one for one in self.pods if one["metadata"]["uid"] not in new]

    @property
    def observed(self) -> bool:
        """Whether the controller has seen the Deployment as it is now."""
        if self.deployment is None:
            return False
        status = self.deployment.get("status") or {}
        return bool(status.get("observedGeneration") == self.deployment["metadata"]["generation"])

    @property
    def wanted(self) -> int:
        """How many pods there are to be."""
        return int((self.deployment or {}).get("spec", {}).get("replicas", 0))

    @property
    def complete(self) -> bool:
        """Whether all pods are of the current template and have been ready for long enough, and no other is left.

        As `kubectl rollout status` has it.
        """
        status = (self.deployment or {}).get("status") or {}
        counts = [status.get(key) or 0 for key in ("updatedReplicas", "replicas", "availableReplicas")]
        return self.observed and self.wanted > 0 and counts == [self.wanted] * 3

    @property
    def ready(self) -> int:
        """How many pods of the current template are ready."""
        return sum(is_ready(one) for one in self.new_pods)

    def condition(self, kind: str) -> Object | None:
        """A condition of the Deployment."""
        status = (self.deployment or {}).get("status") or {}
        return next((one for one in status.get("conditions") or [] if one["type"] == kind), None)


Lister = Callable[[str], list[Any]]
"""All objects of a kind that belong to the environment."""


def look(objects: Lister, name: str) -> View:
    """Look once: three requests."""
    deployment = next((one for one in objects("Deployment") if one["metadata"]["name"] == name), None)
    pods = [one for one in objects("Pod") if not _over(one)]
    staying = [one for one in pods if not one["metadata"].get("deletionTimestamp")]
    return View(deployment, objects("ReplicaSet"), staying, [one for one in pods if one not in staying])


def _over(pod: Object) -> bool:
    """Evicted and ended pods lie about until somebody sweeps them away."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def owned_by(one: Object, owner: Object) -> bool:
    """Whether the owner controls it."""
    uid = owner["metadata"]["uid"]
    return any(ref["uid"] == uid for ref in one["metadata"].get("ownerReferences") or [])


def is_ready(pod: Object) -> bool:
    """Whether the pod takes requests."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _annotations(one: Object | None) -> Mapping[str, str]:
    return ((one or {}).get("metadata") or {}).get("annotations") or {}
