"""Arithmetic before a rollout: whether it can finish with the quotas, limits and nodes that there are.

Only what is certain is a problem. A node that an autoscaler may add is unknown here: that pods find no room on the
nodes of today is a note, that one is larger than each of them a problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from model_devops.adapters.kubernetes.client import EVERYWHERE, Cluster
from model_devops.errors import ModelDevopsError
from model_devops.manifests import quantities

Object = Mapping[str, Any]
Amounts = dict[str, Fraction]


def pod_amounts(template: Object, which: str) -> Amounts:
    """What one pod asks for (`requests`) or is held to (`limits`), as the scheduler and quotas add it up."""
    spec = template["spec"]
    total = _sum(_of(one, which) for one in spec.get("containers") or [])
    for one in spec.get("initContainers") or []:
        for name, value in _of(one, which).items():
            total[name] = max(total.get(name, Fraction(0)), value)
    return total


def _of(container: Object, which: str) -> Amounts:
    resources = container.get("resources") or {}
    found = {**(resources.get("limits") or {}), **(resources.get(which) or {})} if which == "requests" else {
        **(resources.get(which) or {})
    }  # fmt: skip
    return {name: _amount(value) for name, value in found.items()}


def _sum(several: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for one in several:
        for name, value in one.items():
            total[name] = total.get(name, Fraction(0)) + value
    return total


def problems(cluster: Cluster, namespace: str, deployment: Object, there: Object | None) -> Iterator[str]:
    """Why a rollout of this Deployment can't finish. What we may not read is left out."""
    more = _more_pods(deployment, there)
    for quota in _list(cluster, "ResourceQuota", namespace):
        yield from _over(quota, deployment, more)
    for ranges in _list(cluster, "LimitRange", namespace):
        yield from _outside(ranges, deployment["spec"]["template"])
    nodes = _list(cluster, "Node", EVERYWHERE)
    if nodes:
        yield from _too_large(nodes, deployment["spec"]["template"])


def notes(cluster: Cluster, deployment: Object, there: Object | None) -> Iterator[str]:
    """How many of the pods that are added at the height find no room on the nodes of today, where we may look."""
    more, template = _more_pods(deployment, there), deployment["spec"]["template"]
    nodes = [one for one in _list(cluster, "Node", EVERYWHERE) if _takes(one, template)] if more else []
    pods = _list(cluster, "Pod", EVERYWHERE) if nodes else []
    if not pods:
        return
    wanted = {**pod_amounts(template, "requests"), "pods": Fraction(1)}
    free = [_free(one, pods) for one in nodes]
    room = sum(min(_times(left, name, value) for name, value in wanted.items()) for left in free)
    if room < more:
        scarce = min(wanted, key=lambda name: sum(_times(left, name, wanted[name]) for left in free))
        yield (
            f"{more} more pods at its height, and the nodes of today have room for {room} of them ({scarce} is scarce):"
            " it fails after two minutes unless a node comes or something ends"
        )


def _takes(node: Object, template: Object) -> bool:
    """Whether a node is open to pods of this template, as far as taints say."""
    spec = node.get("spec") or {}
    tolerated = {one.get("key") for one in template["spec"].get("tolerations") or []}
    closed = [one for one in spec.get("taints") or [] if one.get("effect") in ("NoSchedule", "NoExecute")]
    return not spec.get("unschedulable") and all(one.get("key") in tolerated for one in closed)


def _free(node: Object, pods: Iterable[Object]) -> Amounts:
    """What a node has left, by what its pods ask for."""
    name = node["metadata"]["name"]
    on = [one for one in pods if one["spec"].get("nodeName") == name and not _over_with(one)]
    used = _sum([*(pod_amounts(one, "requests") for one in on), {"pods": Fraction(len(on))}])
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return {what: _amount(value) - used.get(what, Fraction(0)) for what, value in allocatable.items()}


def _over_with(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _times(left: Amounts, name: str, each: Fraction) -> int:
    """How often an amount is there."""
    return max(0, int(left.get(name, Fraction(0)) // each)) if each else 1 << 30


def _outside(ranges: Object, template: Object) -> Iterator[str]:
    """What a LimitRange forbids a container, or a pod as a whole; what it fills in by itself is within it."""
    pod = {"requests": pod_amounts(template, "requests"), "limits": pod_amounts(template, "limits")}
    each = [
        (f"container {one['name']}", {"requests": _of(one, "requests"), "limits": _of(one, "limits")})
        for one in template["spec"].get("containers") or []
    ]
    for limit in ranges["spec"].get("limits") or []:
        for who, amounts in {"Container": each, "Pod": [("a pod", pod)]}.get(limit.get("type"), []):
            for which, found in amounts.items():
                yield from _beyond(limit, who, which, found, ranges["metadata"]["name"])


def _beyond(limit: Object, who: str, which: str, found: Amounts, name: str) -> Iterator[str]:
    for what, value in found.items():
        for bound, beyond in (("max", 1), ("min", -1)):
            allowed = (limit.get(bound) or {}).get(what)
            if allowed is not None and (value - _amount(allowed)) * beyond > 0:
                yield (
                    f"the rollout can't finish: {who} has {_said(value)} of {what} as its {which}, and the LimitRange"
                    f" {name} allows {'at most' if beyond > 0 else 'at least'} {allowed}"
                )


def _list(cluster: Cluster, kind: str, namespace: str) -> list[Any]:
    try:
        return cluster.list(kind, namespace)
    except ModelDevopsError:  # the smallest Role does not let us look at nodes
        return []


def _more_pods(deployment: Object, there: Object | None) -> int:
    """How many pods more than now there are at the height of the rollout."""
    now = int(((there or {}).get("spec") or {}).get("replicas") or 0)
    wanted = int(deployment["spec"].get("replicas") or now or 1)
    if there is not None and there["spec"]["template"] == deployment["spec"]["template"]:
        return max(0, wanted - now)
    surge = (deployment["spec"].get("strategy") or {}).get("rollingUpdate", {}).get("maxSurge", "25%")
    text = str(surge)
    extra = -(-wanted * int(text[:-1]) // 100) if text.endswith("%") else int(text)
    return max(0, wanted + (extra if now else 0) - now)


def _over(quota: Object, deployment: Object, more: int) -> Iterator[str]:
    """What a quota has too little of. At the height old pods are still there, so what they use stays used."""
    if quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"):
        return  # counts only some pods; the dry run can't tell either
    hard, used = (quota.get("status") or {}).get("hard") or {}, (quota.get("status") or {}).get("used") or {}
    template = deployment["spec"]["template"]
    requests, limits = pod_amounts(template, "requests"), pod_amounts(template, "limits")
    for name, allowed in hard.items():
        each = _share(name, requests, limits)
        if each is None or not more:
            continue
        left = _amount(allowed) - _amount(used.get(name, "0"))
        if each * more > left:
            yield (
                f"the rollout can't finish: {more} more pods at its height need {_said(each * more)} of {name}, and the"
                f" quota {quota['metadata']['name']} has {_said(max(left, Fraction(0)))} of {allowed} left"
            )


def _share(name: str, requests: Amounts, limits: Amounts) -> Fraction | None:
    """What one pod takes of a quota's item; None where it takes nothing."""
    if name in ("pods", "count/pods"):
        return Fraction(1)
    if name.startswith("limits."):
        return limits.get(name.removeprefix("limits."))
    return requests.get(name.removeprefix("requests."))


def _too_large(nodes: list[Any], template: Object) -> Iterator[str]:
    """A pod that is larger than every node never runs."""
    wanted = pod_amounts(template, "requests")
    for name, value in wanted.items():
        largest = max(_amount((one.get("status") or {}).get("allocatable", {}).get(name, "0")) for one in nodes)
        if value > largest:
            need = f"a pod needs {_said(value)} of {name}, and the largest node has {_said(largest)}"
            yield f"the rollout can't finish: {need}"


def _amount(text: Any) -> Fraction:
    """A quantity; what the cluster itself sends always is one."""
    return quantities.amount(text) or Fraction(0)


def _said(value: Fraction) -> str:
    """A number for people."""
    for unit, size in (("Gi", 1 << 30), ("Mi", 1 << 20)):
        if value >= size:
            return f"{float(value / size):.4g}{unit}"
    return f"{float(value):.4g}"
