"""Pods and Deployments for the tests' cluster, as plain dicts, and what becomes of them."""

from typing import Any

from cluster import Cluster
from cluster_use import wait_for


def container(image: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """A container that runs an image with these arguments."""
    return {"name": "main", "image": image, **({"args": list(arguments)} if arguments else {}), **more}


def pod(name: str, image: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """A pod of one container, with more of its spec."""
    # A namespace waits by the grace period of its pods, even if these end at once.
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container(image, *arguments)]} | more
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def deployment(name: str, replicas: int, image: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """A Deployment whose pods are ready when they answer on /ready."""
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
    one = pod(name, image, containers=[container(image, *arguments, readinessProbe=probe, **more)])
    template = {"metadata": one["metadata"] | {"name": None}, "spec": one["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def wait_for_state(cluster: Cluster, namespace: str, name: str, state: str, *reasons: str) -> dict[str, Any]:
    """Wait until a pod's container is, or last was, `waiting` or `terminated` for such a reason. Returns its status."""

    def found() -> dict[str, Any] | None:
        for status in cluster.get("pod", name, "--namespace", namespace)["status"].get("containerStatuses", []):
            for key in ("state", "lastState"):
                if status[key].get(state, {}).get("reason") in reasons:
                    return dict(status)
        return None

    return wait_for(found)
