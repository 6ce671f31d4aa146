"""Watching a rollout: its progress in a few lines, and its end as soon as it can't end well."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.deploy.kubernetes import causes
from model_devops.deploy.kubernetes.causes import Doom
from model_devops.deploy.kubernetes.view import Object, View

#: Seconds between two looks: short at first, since a warm pod is ready in a second.
FIRST_LOOK, LONGEST_LOOK = 0.3, 2.0
#: Seconds that our own deadline lies behind the cluster's.
BEHIND = 30


class Watch:
    """One rollout, from its start to its end."""

    def __init__(
        self,
        look: Callable[[], View],
        events: Callable[[], list[Any]],
        say: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self._look = look
        self._events = events
        self._say = say
        self._check = check
        """Raises where the lock was lost."""
        self._said = ""
        self._seen: dict[str, float] = {}
        self.view: View | None = None

    def rollout(self) -> Doom | None:
        """Wait until all pods are of the new template and available (None), or can't become so."""
        pause, began = FIRST_LOOK, time.monotonic()
        while True:
            self._check()
            view = self.view = self._look()
            self._progress(view)
            if view.complete:
                return None
            doom = self._doom(view) or self._late(view, began)
            if doom is not None:
                return doom
            time.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 1.3, LONGEST_LOOK)

    def end(self, seconds: float) -> str | None:
        """Wait until no pods are left (None); else what still runs. `seconds`: beside the time they have for ending."""
        began = time.monotonic()
        while True:
            view = self.view = self._look()
            left = [*view.pods, *view.ending]
            if view.deployment is None and not left:
                return None
            grace = max((one["spec"].get("terminationGracePeriodSeconds") or 0 for one in left), default=0)
            if time.monotonic() >= began + seconds + grace:
                return f"still there: {', '.join(one['metadata']['name'] for one in left) or 'the Deployment'}"
            time.sleep(0.5)

    def _progress(self, view: View) -> None:
        text = f"{view.ready} of {view.wanted} new pods are ready"
        if view.old_pods:
            text += f", {len(view.old_pods)} old ones are left"
        if view.observed and text != self._said:
            self._said = text
            self._say(text)

    def _doom(self, view: View) -> Doom | None:
        """Why the new ReplicaSet can't become ready: all its pods can't, no more can be made, or no node takes one."""
        current, pods = view.current, view.new_pods
        refused = causes.of_replica_set((current or {}).get("status", {}).get("conditions") or [])
        if refused is not None and view.ready == len(pods):
            return refused
        without_node = next((found for pod in pods if (found := causes.unplaced(pod, self._age(pod)))), None)
        if without_node or view.ready:
            return without_node
        dooms = [self._of_pod(pod) for pod in pods]
        return dooms[0] if dooms and all(dooms) else None

    def _of_pod(self, pod: Object) -> Doom | None:
        uid, waits = pod["metadata"]["uid"], not _runs(pod)
        events = [one for one in self._events() if one["involvedObject"].get("uid") == uid] if waits else []
        return causes.of_pod(pod, events, self._age(pod))

    def _age(self, pod: Object) -> float:
        return time.monotonic() - self._seen.setdefault(pod["metadata"]["uid"], time.monotonic())

    def _late(self, view: View, began: float) -> Doom | None:
        """What the cluster itself gives up on. Its word is stale after an undone rollout: the time counts too."""
        if view.deployment is None:
            return Doom("its Deployment was removed by somebody else")
        allowed = view.deployment["spec"].get("progressDeadlineSeconds") or 600
        since = time.monotonic() - began
        progressing = view.condition("Progressing") or {}
        if view.observed and progressing.get("reason") == "ProgressDeadlineExceeded" and since >= allowed:
            return self._stuck(view, f"nothing became ready for {allowed} s (progressDeadlineSeconds)")
        longest = allowed * max(1, view.wanted) + BEHIND
        return self._stuck(view, f"it was not complete after {longest} s") if since >= longest else None

    def _stuck(self, view: View, words: str) -> Doom:
        """The deadline, with what a pod that isn't ready says."""
        for pod in view.new_pods:
            found = causes.of_pod(pod, self._events(), float("inf"))
            if found is not None:
                return Doom(f"{words}: {found.cause}", found.hint, found.container)
        return Doom(words)


def _runs(pod: Object) -> bool:
    """Whether nothing in it waits and nothing was started again: most looks are at such pods, and need no events."""
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return bool(containers) and all(
        "waiting" not in (one.get("state") or {}) and not one.get("restartCount") for one in containers
    )


def events_of(cluster: Cluster, namespace: str) -> list[Any]:
    """What happened to pods of the namespace, oldest first."""
    found = cluster.list("Event", namespace, fields="involvedObject.kind=Pod")
    return sorted(found, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
