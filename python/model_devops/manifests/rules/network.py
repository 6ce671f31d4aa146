"""How pods are reached: Services, Ingresses, NetworkPolicies."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from model_devops.config.places import shown
from model_devops.errors import Problem
from model_devops.manifests import syntax
from model_devops.manifests.parts import Part
from model_devops.manifests.rules.selectors import expressions


def problems(top: Part) -> Iterator[Problem]:
    """All that is wrong with one object of these kinds."""
    rule = _RULES.get((top.manifest.group, top.manifest.kind))
    if rule and top.get("spec") is not None:
        yield from rule(top.at("spec"))


def _service(spec: Part) -> Iterator[Problem]:
    kind, headless = spec.get("type") or "ClusterIP", spec.get("clusterIP") == "None"
    if kind == "ExternalName":
        if not spec.get("externalName"):
            yield spec.problem("is missing", "externalName", hint="type is ExternalName")
    elif not spec.get("ports") and not headless:
        yield spec.problem("there is no port", "ports", hint="only a Service with clusterIP: None has none")
    if headless and kind in ("NodePort", "LoadBalancer"):
        yield spec.problem(f"can't be None with type {kind}", "clusterIP")
    for port in spec.each("ports"):
        if port.get("nodePort") and kind not in ("NodePort", "LoadBalancer"):
            yield port.problem(f"has no meaning with type {kind}", "nodePort", hint="leave it out")
    yield from _port_names(spec)


def _port_names(spec: Part) -> Iterator[Problem]:
    """Several ports need names, each its own."""
    ports, seen = list(spec.each("ports")), set()
    for port in ports:
        name = port.get("name")
        if not name and len(ports) > 1:
            yield port.problem("is missing", "name", hint="a Service with several ports names each")
        elif name and name in seen:
            yield port.problem(f"{name} is already the name of another port", "name")
        seen.add(name)


def _ingress(spec: Part) -> Iterator[Problem]:
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        yield spec.problem("has neither rules nor a defaultBackend")
    for rule in spec.each("rules"):
        host = rule.get("host")
        if host and (wrong := _host(host)):
            yield rule.problem(wrong.message, "host", hint=wrong.hint)
        for path in rule.each("http", "paths"):
            yield from _path(path)


def _host(host: str) -> syntax.Wrong | None:
    if host.replace(".", "").isdigit():
        return syntax.Wrong(f"{shown(host)} is an address", "write a DNS name")
    return syntax.subdomain(host.removeprefix("*."))


def _path(path: Part) -> Iterator[Problem]:
    text, kind = path.get("path") or "", path.get("pathType")
    if kind == "":
        yield path.problem("is empty", "pathType", allowed=["Exact", "ImplementationSpecific", "Prefix"])
    elif kind is not None and not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        yield path.problem("must begin with /", "path")
    elif kind in ("Exact", "Prefix"):
        wrong = [part for part in ("//", "/./", "/../", "%2f", "%2F") if part in text]
        wrong += [end for end in ("/..", "/.") if text.endswith(end)]
        if wrong:
            yield path.problem(f"must not hold {wrong[0]}", "path")


def _policy(spec: Part) -> Iterator[Problem]:
    yield from expressions(spec.at("podSelector"))
    for rules, peers in (("ingress", "from"), ("egress", "to")):
        for rule in spec.each(rules):
            for port in rule.each("ports"):
                yield from _policy_port(port)
            for peer in rule.each(peers):
                yield from _peer(peer)


def _policy_port(port: Part) -> Iterator[Problem]:
    first, last = port.get("port"), port.get("endPort")
    if last is None:
        return
    if not isinstance(first, int):
        yield port.problem("needs a port by number", "endPort")
    elif last < first:
        yield port.problem(f"is {last}, but port is {first}", "endPort")


def _peer(peer: Part) -> Iterator[Problem]:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if name in peer.value]
    if not given:
        yield peer.problem("is empty", hint="write a podSelector, a namespaceSelector or an ipBlock")
    elif "ipBlock" in given and len(given) > 1:
        yield peer.problem("stands beside a selector", "ipBlock", hint="write two peers")
    for name in ("podSelector", "namespaceSelector"):
        yield from expressions(peer.at(name))
    for block in (peer.at("ipBlock", "cidr"), *peer.each("ipBlock", "except")):
        if block.value is not None and not _is_network(block.value):
            yield block.problem(f"{shown(block.value)} is no range of addresses", hint="write 10.0.0.0/8")


def _is_network(text: str) -> bool:
    try:
        return "/" in text and bool(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return False


_RULES: dict[tuple[str, str], Callable[[Part], Iterator[Problem]]] = {
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("networking.k8s.io", "NetworkPolicy"): _policy,
}
