"""What is known of a failed attempt, saved before it is undone: pods, events, and what each container said last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from model_devops.adapters import clock
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.pods import logs
from model_devops.deploy.kubernetes.view import Object, View
from model_devops.deploy.revision import Revision
from model_devops.errors import ModelDevopsError

LINES = 100
"""Of each container's log."""
MOST_PODS = 5


def report(title: str, revision: Revision, cause: str, view: View, events: Sequence[Any], cluster: Cluster) -> str:
    """The report's text."""
    import msgspec

    record = msgspec.json.format(msgspec.json.encode(revision), indent=2).decode()
    parts = [f"{title}: attempt of revision {revision.number}, {clock.timestamp()}", f"cause: {cause}"]
    parts += [_pod(one, events, cluster) for one in (view.new_pods or view.pods)[:MOST_PODS]]
    if view.deployment is not None:
        parts.append("Deployment:\n" + json.dumps(view.deployment.get("status"), indent=2, sort_keys=True))
    return "\n\n".join([*parts, f"revision:\n{record}"])


def _pod(pod: Object, events: Sequence[Any], cluster: Cluster) -> str:
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    lines = [f"pod {name}:", json.dumps(_state(pod), indent=2, sort_keys=True)]
    own = [one for one in events if one["involvedObject"].get("uid") == uid]
    lines += [f"  {one.get('lastTimestamp') or ''} {one.get('reason')}: {one.get('message')}" for one in own]
    for one in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]:
        lines.append(_log(pod, one["name"], cluster))
    return "\n".join(lines)


def _state(pod: Object) -> dict[str, Any]:
    status = pod.get("status") or {}
    names = ("phase", "reason", "message", "conditions", "initContainerStatuses", "containerStatuses")
    return {name: status[name] for name in names if name in status}


def _log(pod: Object, container: str, cluster: Cluster) -> str:
    """The end of a container's log; of the one before, where it was started again."""
    text = ""
    for previous in (True, False):
        try:
            place = pod["metadata"]["namespace"], pod["metadata"]["name"]
            text += logs(cluster, *place, container, previous=previous, lines=LINES) or ""
        except ModelDevopsError:
            continue
    return f"end of the log of {container}:\n{text or '(none)'}"
