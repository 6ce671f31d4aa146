"""A container beside the server, where the server's image has nothing that can hash: an ephemeral one.

It shares the server's processes, so `/proc/1/cwd` is the folder that the server works in, as it sees it. Nobody can
take it away again: there is one for each pod, which waits to be asked and ends with the pod.
https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.refusals import NoProgramError

NAME = "model-devops-proof"
FOLDER = "/proc/1/cwd/"
"""Before the paths that are hashed."""
PATIENCE = 180.0
"""Seconds for its image to be pulled and for it to run."""
#: Runs in any shell, and ends as soon as its pod does.
_WAIT = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 30 & wait $!; done"]
_SECURITY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def beside(cluster: Cluster, pod: Mapping[str, Any], container: str, image: str) -> str:
    """The name of a container that runs beside the one that serves, made if there is none.

    Raises NoProgramError where it doesn't come to run, and what `Cluster` raises where it may not be made.
    """
    names = {one["name"]: one for one in pod["spec"].get("ephemeralContainers") or []}
    name = next((name for name, one in names.items() if name.startswith(NAME) and one["image"] == image), None)
    if name is None or _state(pod, name).get("terminated"):
        name = NAME if NAME not in names else f"{NAME}-{len(names)}"
        _make(cluster, pod, {"name": name, "image": image, "targetContainerName": container})
    _await(cluster, pod, name)
    return name


def _make(cluster: Cluster, pod: Mapping[str, Any], named: dict[str, Any]) -> None:
    made = {**named, "command": _WAIT, "securityContext": _SECURITY}
    metadata = pod["metadata"]
    cluster.session.request(
        "PATCH",
        f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/ephemeralcontainers",
        body=json.dumps({"spec": {"ephemeralContainers": [made]}}).encode(),
        headers={"Content-Type": "application/strategic-merge-patch+json"},
        about=f"a container beside pod {metadata['name']}",
    )


def _await(cluster: Cluster, pod: Mapping[str, Any], name: str) -> None:
    metadata, end = pod["metadata"], time.monotonic() + PATIENCE
    while True:
        found = cluster.list("Pod", metadata["namespace"], fields=f"metadata.name={metadata['name']}")
        state = _state(found[0], name) if found else {"terminated": {"reason": "the pod is gone"}}
        if state.get("running"):
            return
        ended, waits = state.get("terminated"), state.get("waiting") or {}
        if ended or time.monotonic() > end:
            why = (ended or waits).get("message") or (ended or waits).get("reason") or "nothing is said of it"
            raise NoProgramError(f"the container beside it does not run: {why}")
        time.sleep(0.5)


def _state(pod: Mapping[str, Any], name: str) -> dict[str, Any]:
    for one in (pod.get("status") or {}).get("ephemeralContainerStatuses") or []:
        if one["name"] == name:
            return dict(one.get("state") or {})
    return {}
