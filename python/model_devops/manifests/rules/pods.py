"""Pods: containers, their probes, ports, variables and volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from model_devops.config.places import near
from model_devops.errors import Problem
from model_devops.manifests.parts import Part, Pod

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
#: Pods that are started again and again, and those that end.
_RESTARTED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")
_ENDING = ("Job", "CronJob")
#: Seconds from the order to stop until the kill, where none are written.
_GRACE = 30
_ROOT = "is 0, but runAsNonRoot is set: no node would start it"


def problems(pod: Pod, digests_only: bool) -> Iterator[Problem]:
    """All that is wrong with the pods of one object."""
    rules = (_containers, _restarts, _host_ports, _ephemeral, _root)
    yield from chain.from_iterable(rule(pod) for rule in rules)
    for container in pod.containers():
        each = (_variables, _port_names, _probes, _lifecycle)
        yield from chain.from_iterable(rule(container) for rule in each)
        yield from _mounts(container, pod)
        yield from _grace(container, pod)
        yield from _security(container, pod)
        if digests_only:
            yield from _digest(container)
    yield from _init_probes(pod)


def _containers(pod: Pod) -> Iterator[Problem]:
    """There is at least one, and no two have one name, in whichever lists they are."""
    if pod.spec.get("containers") == [] or (pod.spec.value is None and pod.owner.get("spec") is not None):
        yield pod.spec.problem("there is no container", "containers")
    seen: dict[str, Part] = {}
    for container in pod.containers():
        name = container.get("name")
        first = seen.setdefault(name, container) if name else container
        if first.keys[:-1] != container.keys[:-1]:
            yield container.problem(f"{name} is already there, as {first.keys[-2]}[{first.keys[-1]}]", "name")


def _restarts(pod: Pod) -> Iterator[Problem]:
    policy, kind = pod.spec.get("restartPolicy"), pod.owner.manifest.kind
    if kind in _RESTARTED and policy not in (None, "", "Always"):
        yield pod.spec.problem(f"{policy} is not allowed in a {kind}", "restartPolicy", allowed=["Always"])
    if kind in _ENDING and policy in (None, "", "Always"):
        hint = "name it: the default, Always, is not for pods that end"
        allowed = ["Never", "OnFailure"]
        yield pod.spec.problem(f"a {kind} needs one of these", "restartPolicy", allowed=allowed, hint=hint)
    if kind in _RESTARTED and pod.spec.get("activeDeadlineSeconds") is not None:
        yield pod.spec.problem(f"is not allowed in a {kind}", "activeDeadlineSeconds", hint="leave it out")


def _host_ports(pod: Pod) -> Iterator[Problem]:
    """On the host's network a container's port is the host's."""
    if not pod.spec.get("hostNetwork"):
        return
    for container in pod.containers("containers", "initContainers"):
        for port in container.each("ports"):
            if port.get("hostPort") not in (None, 0, port.get("containerPort")):
                yield port.problem("must be the containerPort, since hostNetwork is set", "hostPort")


def _ephemeral(pod: Pod) -> Iterator[Problem]:
    if pod.spec.get("ephemeralContainers"):
        hint = "they are added to running pods only: kubectl debug"
        yield pod.spec.problem("can't be applied", "ephemeralContainers", hint=hint)


def _variables(container: Part) -> Iterator[Problem]:
    for variable in container.each("env"):
        if variable.get("value") not in (None, "") and variable.get("valueFrom") is not None:
            yield variable.problem("has a value and valueFrom", "valueFrom", hint="write one of them")


def _port_names(container: Part) -> Iterator[Problem]:
    seen: set[str] = set()
    for port in container.each("ports"):
        name = port.get("name")
        if name and name in seen:
            yield port.problem(f"{name} is already the name of another port of this container", "name")
        seen.add(name)


def _probes(container: Part) -> Iterator[Problem]:
    """A named port is one that the container has; only readiness may need several successes."""
    for probe in (container.at(name) for name in _PROBES):
        for handler in ("httpGet", "tcpSocket"):
            yield from _named_port(container, probe.at(handler))
        if probe.keys[-1] == "readinessProbe" and probe.get("terminationGracePeriodSeconds") is not None:
            yield probe.problem("is not allowed here", "terminationGracePeriodSeconds", hint="leave it out")
        if probe.keys[-1] != "readinessProbe" and (probe.get("successThreshold") or 1) != 1:
            yield probe.problem("must be 1", "successThreshold", hint="only a readinessProbe may ask for more")


def _named_port(container: Part, handler: Part) -> Iterator[Problem]:
    port = handler.get("port")
    if isinstance(port, str):
        names = container.names("ports")
        if names is not None and port not in names:
            hint = near(port, names) or "name a port of this container, or write its number"
            yield handler.problem(f"this container has no port named {port}", "port", allowed=names, hint=hint)


def _lifecycle(container: Part) -> Iterator[Problem]:
    for hook in ("postStart", "preStop"):
        for handler in ("httpGet", "tcpSocket"):
            yield from _named_port(container, container.at("lifecycle", hook, handler))


def _grace(container: Part, pod: Pod) -> Iterator[Problem]:
    """What is slept before a stop is part of the time that the pod has for it."""
    slept = container.get("lifecycle", "preStop", "sleep", "seconds")
    written = pod.spec.get("terminationGracePeriodSeconds")
    grace = _GRACE if written is None else written
    if slept is not None and slept > grace:
        sleep = container.at("lifecycle", "preStop", "sleep")
        hint = f"make it more than {slept}, with the longest request on top"
        yield sleep.problem(f"is {slept}, but terminationGracePeriodSeconds is {grace}", "seconds", hint=hint)


def _init_probes(pod: Pod) -> Iterator[Problem]:
    """What runs before the pod and ends has nothing to be probed."""
    for container in pod.containers("initContainers"):
        if container.get("restartPolicy") == "Always":
            continue
        for name in ("lifecycle", *_PROBES):
            if container.get(name) is not None:
                hint = "leave it out, or make it a sidecar with restartPolicy: Always"
                yield container.problem("is not allowed in an init container", name, hint=hint)


def _mounts(container: Part, pod: Pod) -> Iterator[Problem]:
    """What is mounted is a volume of the pod; a StatefulSet's claims are some too."""
    volumes = pod.spec.names("volumes")
    claims = pod.owner.each("spec", "volumeClaimTemplates") if pod.owner.manifest.kind == "StatefulSet" else ()
    known = [*(volumes or ()), *(claim.get("metadata", "name") or "" for claim in claims)]
    for mount in container.each("volumeMounts"):
        name = mount.get("name")
        if name is not None and name not in known and volumes is not None:
            hint = near(name, known) or "add it under volumes"
            yield mount.problem(f"this pod has no volume {name}", "name", allowed=known, hint=hint)
        if mount.get("subPath") and mount.get("subPathExpr"):
            yield mount.problem("stands beside subPath", "subPathExpr", hint="write one of them")


def _security(container: Part, pod: Pod) -> Iterator[Problem]:
    """Settings that contradict each other: servers refuse them, or nodes never start the container."""
    context = container.at("securityContext")
    adds = context.get("capabilities", "add") or []
    if context.get("allowPrivilegeEscalation") is False and (context.get("privileged") or "SYS_ADMIN" in adds):
        with_what = "privileged" if context.get("privileged") else "SYS_ADMIN"
        yield context.problem(f"can't be false with {with_what}", "allowPrivilegeEscalation")
    if context.get("runAsUser") == 0 and _not_root(container, pod):
        yield context.problem(_ROOT, "runAsUser", hint="name a user from 1")


def _root(pod: Pod) -> Iterator[Problem]:
    """As for a container, for those that take the pod's user."""
    inheriting = (one for one in pod.containers() if one.get("securityContext", "runAsUser") is None)
    if pod.spec.get("securityContext", "runAsUser") == 0 and any(_not_root(one, pod) for one in inheriting):
        yield pod.spec.problem(_ROOT, "securityContext", "runAsUser", hint="name a user from 1")


def _not_root(container: Part, pod: Pod) -> bool:
    own = container.get("securityContext", "runAsNonRoot")
    return bool(pod.spec.get("securityContext", "runAsNonRoot") if own is None else own)


def _digest(container: Part) -> Iterator[Problem]:
    image = container.get("image")
    if image and not _DIGEST.fullmatch(image):
        hint = "write NAME@sha256:…: a tag may name another image tomorrow"
        yield container.problem(f"{image} has no digest", "image", hint=hint)
