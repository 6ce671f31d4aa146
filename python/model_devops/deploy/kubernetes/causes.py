"""Why a pod can't become ready, told from what the cluster says of it: the sooner the better.

What is transient (evictions, a registry that hiccups, caches that fill) is no cause; what never ends by itself is.
The list follows what Krane (Shopify) learned, and adds what it lacks: memory, mounts, init containers, scheduling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]
#: Seconds that a pod may wait for a node; a cluster that grows by itself takes minutes to add one.
UNSCHEDULABLE = 120.0
#: Seconds that the same failure of pulling or mounting may last, where its words don't say that it is final.
LASTING = 60.0
#: Starts that failed until a container counts as never to start.
STARTS = 2
_FINAL_PULL = re.compile(
    r"not found|manifest unknown|name unknown|unauthorized|denied|forbidden|no basic auth|authentication required"
    r"|invalid reference|no match for platform|unsupported|x509|no such host",
    re.IGNORECASE,
)
_PULL = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "ContainerCannotRun")
_TRANSIENT = re.compile(r"failed to sync \w+ cache|context deadline exceeded|connection refused", re.IGNORECASE)
_MOUNT = re.compile(r"FailedMount|FailedAttachVolume")
_SCHEDULING_FOR_GOOD = re.compile(r"exceeded quota|violates PodSecurity|is forbidden|denied the request")


@dataclass(frozen=True)
class Doom:
    """Why a pod or a whole ReplicaSet can't become ready."""

    cause: str
    hint: str | None = None
    container: str | None = None
    """Whose log may tell more."""


def of_pod(pod: Object, events: Sequence[Object], age: float) -> Doom | None:
    """Why this pod can't become ready; None while it may. `age`: seconds since we saw it first."""
    status = pod.get("status") or {}
    if status.get("reason") in ("Evicted", "Preempting", "NodeShutdown", "Terminated"):
        return None
    for container in _containers(status):
        found = _of_container(container, events, age)
        if found:
            return found
    return unplaced(pod, age) or _unmounted(status, events, age)


def unplaced(pod: Object, age: float) -> Doom | None:
    """Why no node takes it, after a while. True of the cluster: other pods that are ready don't speak against it."""
    for one in (pod.get("status") or {}).get("conditions") or []:
        if one.get("type") == "PodScheduled" and one.get("status") == "False" and age >= UNSCHEDULABLE:
            hint = "ask for less, or have the cluster add nodes; `plan` tells how much room there is where it may look"
            return Doom(f"no node takes it: {one.get('message') or one.get('reason')}", hint)
    return None


def of_replica_set(conditions: Sequence[Object]) -> Doom | None:
    """Why no pods can be made: a quota, Pod Security, an admission webhook."""
    for one in conditions:
        message = str(one.get("message") or "")
        if one.get("type") == "ReplicaFailure" and one.get("status") == "True":
            final = _SCHEDULING_FOR_GOOD.search(message)
            hint = "free some of the quota, ask for less, or have it raised" if "exceeded quota" in message else None
            return Doom(f"its pods are refused: {message}", hint) if final else None
    return None


def _containers(status: Object) -> Iterator[Object]:
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def _of_container(container: Object, events: Sequence[Object], age: float) -> Doom | None:
    name, state = container["name"], container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason") or "", waiting.get("message") or ""
    if reason in _PULL:
        return _pull(container, reason, _first_words(message, events, reason), age)
    if reason in _CONFIG and not _TRANSIENT.search(message):
        return Doom(f"container {name} can't be made: {message or reason}", None, name)
    return _ended(container, reason, events)


def _first_words(message: str, events: Sequence[Object], reason: str) -> str:
    """What pulling said first: the status decays to `Back-off pulling image`."""
    if reason != "ImagePullBackOff" or _FINAL_PULL.search(message):
        return message
    said = [str(one.get("message")) for one in events if "ailed to pull image" in str(one.get("message"))]
    return said[-1] if said else message


def _pull(container: Object, reason: str, message: str, age: float) -> Doom | None:
    final = _FINAL_PULL.search(message) or reason in ("ErrImageNeverPull", "InvalidImageName")
    if not final and age < LASTING:
        return None
    hint = "has the namespace a Secret to pull with (`pull_secret`)?" if _denied(message) else None
    return Doom(f"image {container.get('image')} can't be pulled: {message or reason}", hint)


def _denied(message: str) -> bool:
    return bool(re.search(r"unauthorized|denied|forbidden|no basic auth|authentication", message, re.IGNORECASE))


def _ended(container: Object, reason: str, events: Sequence[Object]) -> Doom | None:
    """A container that ends whenever it is started: the count and the last end tell it before the back-off does."""
    name = container["name"]
    last = (container.get("lastState") or {}).get("terminated") or (container.get("state") or {}).get("terminated")
    restarts = container.get("restartCount") or 0
    if last is None:
        return None
    if last.get("reason") == "OOMKilled" and (restarts or reason):
        hint = "raise `memory` in `resources`, or let the server need less"
        return Doom(f"container {name} was ended for want of memory (OOMKilled)", hint, name)
    killed = _failed_probe(name, events) if restarts else None
    if killed is not None:
        return Doom(killed, "give it more `start_timeout`, or see in its log what it waits for", name)
    if restarts < STARTS and reason != "CrashLoopBackOff":
        return None
    how = f"signal {last['signal']}" if last.get("signal") else f"exit code {last.get('exitCode')}"
    said = f": {last['message'].strip()[-300:]}" if last.get("message") else ""
    return Doom(f"container {name} ends whenever it is started, with {how}{said}", None, name)


def _failed_probe(name: str, events: Sequence[Object]) -> str | None:
    """The kubelet ended the container, whatever its exit code: it had all the time that it was given to start."""
    said = [str(one.get("message")) for one in events]
    ended = [text for text in said if re.match(rf"Container {re.escape(name)} failed (startup|liveness) probe", text)]
    if not ended:
        return None
    answers = [text for text in said if re.match(r"(Startup|Liveness) probe failed", text)]
    what = "did not get ready in its time" if "startup" in ended[-1] else "did not answer any more"
    return f"container {name} {what}: {(answers or ended)[-1].strip()}"


def _unmounted(status: Object, events: Sequence[Object], age: float) -> Doom | None:
    """A volume that is not there: said in events only. One failure may be a cache that fills."""
    if not any(((one.get("state") or {}).get("waiting") or {}).get("reason") == "ContainerCreating"
               for one in _containers(status)):  # fmt: skip
        return None
    said = [
        one
        for one in events
        if _MOUNT.fullmatch(str(one.get("reason"))) and not _TRANSIENT.search(str(one.get("message")))
    ]
    often = sum(int(one.get("count") or 1) for one in said)
    if not said or (often < 3 and age < LASTING):
        return None
    return Doom(f"a volume can't be mounted: {said[-1].get('message')}")
