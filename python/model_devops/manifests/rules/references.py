"""What objects of one set say of each other.

What isn't in the set may be in the cluster, so that is at most a warning; what is in it must fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from model_devops.config.places import near
from model_devops.errors import Problem
from model_devops.manifests.manifest import Key
from model_devops.manifests.parts import Part, Pod, pod_of
from model_devops.manifests.rules.selectors import empty, takes


class Known:
    """The objects of a set; those of a namespace see each other."""

    def __init__(self, tops: list[Part]) -> None:
        self._tops: dict[tuple[str, str], list[Part]] = {}
        self._named: dict[Key, Part] = {}
        self._pods: dict[str, list[Pod]] = {}
        for top in tops:
            self._tops.setdefault((top.manifest.group, top.manifest.kind), []).append(top)
            self._named[top.manifest.key] = top
            if pod := pod_of(top):
                self._pods.setdefault(top.manifest.namespace, []).append(pod)

    def of(self, group: str, kind: str) -> list[Part]:
        """All objects of a kind."""
        return self._tops.get((group, kind), [])

    def all_pods(self) -> Iterator[Pod]:
        """The pods that some object makes."""
        return chain.from_iterable(self._pods.values())

    def pods(self, beside: Part) -> list[Pod]:
        """The pods in an object's namespace."""
        return self._pods.get(beside.manifest.namespace, [])

    def named(self, group: str, kind: str, name: str | None, beside: Part) -> Part | None:
        """The object of a kind with this name in an object's namespace."""
        return self._named.get(Key(group, kind, beside.manifest.namespace, name or ""))

    def names(self, group: str, kind: str, beside: Part) -> list[str]:
        """The names of a kind in an object's namespace."""
        manifests = [top.manifest for top in self.of(group, kind)]
        return [manifest.name for manifest in manifests if manifest.namespace == beside.manifest.namespace]


def problems(known: Known) -> Iterator[Problem]:
    """What does not fit."""
    for pod in known.all_pods():
        yield from _keys(pod, known)
    for service in known.of("", "Service"):
        yield from _target_ports(service, known)
    for autoscaler in known.of("autoscaling", "HorizontalPodAutoscaler"):
        yield from _replicas(autoscaler, known)
    for _, service in _backends(known):
        yield from _backend_port(service, known)


def warnings(known: Known) -> Iterator[Problem]:
    """What will do nothing unless the cluster has what is missing here."""
    for kind, group, selector in (("Service", "", "selector"), ("PodDisruptionBudget", "policy", "selector")):
        for top in known.of(group, kind):
            yield from _selects_nothing(top, top.at("spec", selector), known)
    for autoscaler in known.of("autoscaling", "HorizontalPodAutoscaler"):
        yield from _absent(autoscaler.at("spec", "scaleTargetRef"), known)
    for name, service in _backends(known):
        if known.named("", "Service", name, service) is None:
            hint = near(name, known.names("", "Service", service))
            yield service.problem(f"there is no Service {name} here", "name", hint=hint)


def _selected(service: Part, known: Known) -> list[Pod]:
    wanted = service.get("spec", "selector") or {}
    pods = known.pods(service) if wanted else []
    return [pod for pod in pods if all(pod.labels.get(key) == value for key, value in wanted.items())]


def _target_ports(service: Part, known: Known) -> Iterator[Problem]:
    """A port that is sent to by name is one that the pods have."""
    for pod in _selected(service, known):
        lists = [container.names("ports") for container in pod.containers("containers", "initContainers")]
        names = [name for names in lists for name in names or ()]
        for port in service.each("spec", "ports"):
            target = port.get("targetPort")
            if isinstance(target, str) and target not in names and None not in lists:
                message = f"{pod.owner.manifest.title} has no port named {target}"
                yield port.problem(message, "targetPort", allowed=names, hint=near(target, names))


def _replicas(autoscaler: Part, known: Known) -> Iterator[Problem]:
    """What an autoscaler counts isn't counted anywhere else: each apply would reset it."""
    target = autoscaler.at("spec", "scaleTargetRef")
    group = (target.get("apiVersion") or "").rpartition("/")[0]
    scaled = known.named(group, target.get("kind") or "", target.get("name"), autoscaler)
    if scaled is not None and scaled.get("spec", "replicas") is not None:
        hint = f"leave it out: {autoscaler.manifest.title} sets it, and each deploy would reset it"
        yield scaled.problem("is given, though an autoscaler sets it", "spec", "replicas", hint=hint)


def _absent(target: Part, known: Known) -> Iterator[Problem]:
    kind, name = target.get("kind"), target.get("name")
    group = (target.get("apiVersion") or "").rpartition("/")[0]
    if kind and name and known.named(group, kind, name, target) is None:
        names = known.names(group, kind, target)
        yield target.problem(f"there is no {kind} {name} here", "name", allowed=names, hint=near(name, names))


def _selects_nothing(top: Part, selector: Part, known: Known) -> Iterator[Problem]:
    """A selector is meant for pods; whoever sends them by other means gives none."""
    plain = top.manifest.kind == "Service"
    if selector.value is None or (not selector.value if plain else empty(selector)):
        return
    found = _selected(top, known) if plain else [pod for pod in known.pods(top) if takes(selector, pod.labels)]
    if not found:
        yield selector.problem("takes no pods of what is here", hint="compare it with the labels of the template")


def _backends(known: Known) -> Iterator[tuple[str, Part]]:
    """The Services that Ingresses send to, by name."""
    for ingress in known.of("networking.k8s.io", "Ingress"):
        paths = (path for rule in ingress.each("spec", "rules") for path in rule.each("http", "paths"))
        others = (path.at("backend", "service") for path in paths)
        for service in (ingress.at("spec", "defaultBackend", "service"), *others):
            if service.get("name"):
                yield service.get("name"), service


def _backend_port(backend: Part, known: Known) -> Iterator[Problem]:
    service = known.named("", "Service", backend.get("name"), backend)
    if service is None:
        return
    for wanted, field in (("number", "port"), ("name", "name")):
        ports = [port.get(field) for port in service.each("spec", "ports") if port.get(field) is not None]
        value = backend.get("port", wanted)
        if value is not None and value not in ports:
            hint = near(value, ports) if isinstance(value, str) else None
            message = f"{service.manifest.title} has no port {value}"
            yield backend.problem(message, "port", wanted, allowed=[str(port) for port in ports], hint=hint)


def _keys(pod: Pod, known: Known) -> Iterator[Problem]:
    """A key that is asked for is in the ConfigMap or Secret, if that is in the set."""
    for container in pod.containers():
        for variable in container.each("env"):
            for name, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                yield from _key(variable.at("valueFrom", name), kind, "name", "key", known)
    for volume in pod.spec.each("volumes"):
        for name, kind, named in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            source = volume.at(name)
            for item in source.each("items"):
                yield from _item(item, source, kind, named, known)


def _key(reference: Part, kind: str, named: str, key: str, known: Known) -> Iterator[Problem]:
    yield from _item(reference, reference, kind, named, known) if reference.get(key) else ()


def _item(item: Part, source: Part, kind: str, named: str, known: Known) -> Iterator[Problem]:
    holder = known.named("", kind, source.get(named), source)
    wanted = item.get("key")
    if holder is None or wanted is None or source.get("optional"):
        return
    fields = [holder.get(name) for name in ("data", "binaryData", "stringData") if name in holder.value]
    keys = sorted({key for field in fields for key in field or ()})
    if wanted not in keys and None not in fields:
        yield item.problem(f"{holder.manifest.title} has no key {wanted}", "key", allowed=keys, hint=near(wanted, keys))
