"""Kubernetes' Pod Security Standard `restricted`, with all that it takes over from `baseline`.

As k8s.io/pod-security-admission decides it; the tests hold it against that module's own examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from model_devops.errors import Problem
from model_devops.manifests.parts import Part, Pod

VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)
_SELINUX_TYPES = ("container_engine_t", "container_init_t", "container_kvm_t", "container_t")
_SECCOMP = ("RuntimeDefault", "Localhost")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_HOOKS = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)
_HINT = "the namespace asks for Pod Security `restricted`"


def problems(pod: Pod) -> Iterator[Problem]:
    """What the standard refuses in the pods of one object."""
    if pod.spec.value is None:
        return
    yield from _namespaces(pod)
    yield from _volumes(pod)
    yield from _contexts(pod.spec)
    yield from _app_armor(pod)
    for container in pod.containers():
        rules = (_contexts, _privileged, _ports, _hosts)
        yield from chain.from_iterable(rule(container) for rule in rules)
        yield from _inherited(container, pod)
        if pod.spec.get("os", "name") != "windows":
            yield from _escalation(container)
            yield from _capabilities(container)


def _refused(part: Part, message: str, *keys: str, allowed: tuple[str, ...] = ()) -> Problem:
    return part.problem(message, *keys, allowed=allowed, hint=_HINT)


def _namespaces(pod: Pod) -> Iterator[Problem]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(name):
            yield _refused(pod.spec, "is not allowed", name, allowed=("false",))
    for sysctl in pod.spec.each("securityContext", "sysctls"):
        if sysctl.get("name") not in (None, *_SYSCTLS):
            yield _refused(sysctl, f"{sysctl.get('name')} is not allowed", "name", allowed=_SYSCTLS)


def _volumes(pod: Pod) -> Iterator[Problem]:
    for volume in pod.spec.each("volumes"):
        for kind in volume.value:
            if kind not in ("name", *VOLUMES) and volume.get(kind) is not None:
                yield _refused(volume, "is not allowed", kind, allowed=VOLUMES)


def _contexts(holder: Part) -> Iterator[Problem]:
    """What neither a pod nor a container may say in its securityContext."""
    context = holder.at("securityContext")
    if context.get("runAsNonRoot") is False:
        yield _refused(context, "must not be false", "runAsNonRoot", allowed=("true",))
    if context.get("runAsUser") == 0:
        yield _refused(context, "must not be 0", "runAsUser")
    seccomp = context.at("seccompProfile")
    if seccomp.get("type") not in (None, *_SECCOMP):
        yield _refused(seccomp, f"{seccomp.get('type')} is not allowed", "type", allowed=_SECCOMP)
    if context.get("appArmorProfile", "type") not in (None, *_SECCOMP):
        yield _refused(context, "is not allowed", "appArmorProfile", "type", allowed=_SECCOMP)
    if context.get("windowsOptions", "hostProcess"):
        yield _refused(context, "is not allowed", "windowsOptions", "hostProcess", allowed=("false",))
    yield from _selinux(context.at("seLinuxOptions"))


def _selinux(options: Part) -> Iterator[Problem]:
    if options.get("type") not in (None, "", *_SELINUX_TYPES):
        yield _refused(options, f"{options.get('type')} is not allowed", "type", allowed=_SELINUX_TYPES)
    for name in ("user", "role"):
        if options.get(name):
            yield _refused(options, "must be left out", name)


def _app_armor(pod: Pod) -> Iterator[Problem]:
    for key, value in pod.metadata.pairs("annotations"):
        allowed = value.value in ("", "runtime/default") or value.value.startswith("localhost/")
        if key.startswith(_APPARMOR) and not allowed:
            yield _refused(value, f"{value.value} is not allowed", allowed=("runtime/default", "localhost/*"))


def _privileged(container: Part) -> Iterator[Problem]:
    context = container.at("securityContext")
    if context.get("privileged"):
        yield _refused(context, "is not allowed", "privileged", allowed=("false",))
    if context.get("procMount") not in (None, "Default"):
        yield _refused(context, f"{context.get('procMount')} is not allowed", "procMount", allowed=("Default",))


def _ports(container: Part) -> Iterator[Problem]:
    for port in container.each("ports"):
        if port.get("hostPort"):
            yield _refused(port, "is not allowed", "hostPort")


def _hosts(container: Part) -> Iterator[Problem]:
    """Probes and hooks go to the pod itself (asked for since 1.34; nobody means anything else)."""
    handlers = [container.at(*keys) for keys in _HOOKS]
    for action in (handler.at(kind) for handler in handlers for kind in ("httpGet", "tcpSocket")):
        if action.get("host"):
            yield _refused(action, "is not allowed", "host")


def _inherited(container: Part, pod: Pod) -> Iterator[Problem]:
    """What a container or its pod must say."""
    own, shared = container.at("securityContext"), pod.spec.at("securityContext")
    if own.get("runAsNonRoot") is None and shared.get("runAsNonRoot") is None:
        yield _refused(own, "is missing, here and in the pod", "runAsNonRoot", allowed=("true",))
    if pod.spec.get("os", "name") == "windows":
        return
    if own.get("seccompProfile") is None and shared.get("seccompProfile") is None:
        yield _refused(own, "is missing, here and in the pod", "seccompProfile", "type", allowed=_SECCOMP)


def _escalation(container: Part) -> Iterator[Problem]:
    context = container.at("securityContext")
    if context.get("allowPrivilegeEscalation") is not False:
        yield _refused(context, "must be false", "allowPrivilegeEscalation", allowed=("false",))


def _capabilities(container: Part) -> Iterator[Problem]:
    capabilities = container.at("securityContext", "capabilities")
    if "ALL" not in (capabilities.get("drop") or ()):
        yield _refused(capabilities, "must name ALL", "drop", allowed=("ALL",))
    for added in capabilities.each("add"):
        if added.value != "NET_BIND_SERVICE":
            yield _refused(added, f"{added.value} is not allowed", allowed=("NET_BIND_SERVICE",))
