"""What makes pods, and what counts them: Deployments and their like, Jobs, autoscalers, disruption budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model_devops.errors import Problem
from model_devops.manifests.parts import Part, pod_of
from model_devops.manifests.rules.selectors import empty, expressions, takes

#: A Deployment's deadline where none is written.
_DEADLINE = 600
_METRICS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def problems(top: Part) -> Iterator[Problem]:
    """All that is wrong with one object of these kinds."""
    for rule in _RULES.get((top.manifest.group, top.manifest.kind), ()):
        yield from rule(top)


def _selector(top: Part) -> Iterator[Problem]:
    """The selector takes the pods of the template: else it would make pods for ever."""
    selector, pod = top.at("spec", "selector"), pod_of(top)
    if selector.value is None or pod is None:
        return
    wrong = list(expressions(selector))
    yield from wrong
    if empty(selector):
        yield selector.problem("is empty", hint="repeat labels of the template that never change")
    elif not wrong and not pod.metadata.spoiled("labels") and not takes(selector, pod.labels):
        hint = "repeat the selector's labels there; a selector can't be changed later"
        yield pod.metadata.problem("don't have what spec.selector asks for", "labels", hint=hint)


def _strategy(top: Part) -> Iterator[Problem]:
    strategy = top.at("spec", "strategy")
    rolling = strategy.at("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling.value is not None:
        yield strategy.problem("has no meaning with Recreate", "rollingUpdate", hint="leave it out")
    elif _none(rolling.get("maxSurge")) and _none(rolling.get("maxUnavailable")):
        hint = "let one of them be at least 1"
        yield rolling.problem("is 0 as is maxSurge: no pod could ever be replaced", "maxUnavailable", hint=hint)


def _daemons(top: Part) -> Iterator[Problem]:
    strategy = top.at("spec", "updateStrategy")
    rolling = strategy.at("rollingUpdate")
    surge, unavailable = rolling.get("maxSurge"), rolling.get("maxUnavailable")
    if _none(unavailable) and (surge is None or _none(surge)):
        yield rolling.problem("is 0 as is maxSurge: no pod could ever be replaced", "maxUnavailable")
    elif surge is not None and not _none(surge) and not _none(unavailable):
        hint = "write maxUnavailable: 0"
        yield rolling.problem("can't be given while maxUnavailable is not 0", "maxSurge", hint=hint)


def _none(value: int | str | None) -> bool:
    return value is not None and str(value).rstrip("%").lstrip("0") == ""


def _deadline(top: Part) -> Iterator[Problem]:
    written, ready = top.get("spec", "progressDeadlineSeconds"), top.get("spec", "minReadySeconds") or 0
    deadline = _DEADLINE if written is None else written
    if deadline <= ready:
        message = f"is {deadline}, which is not more than minReadySeconds, {ready}"
        yield top.problem(message, "spec", "progressDeadlineSeconds", hint="no rollout could be done in time")


def _stateful(top: Part) -> Iterator[Problem]:
    strategy = top.at("spec", "updateStrategy")
    if strategy.get("type") == "OnDelete" and strategy.get("rollingUpdate") is not None:
        yield strategy.problem("has no meaning with OnDelete", "rollingUpdate", hint="leave it out")
    for claim in top.each("spec", "volumeClaimTemplates"):
        yield from _claim(claim)


def _claim(top: Part) -> Iterator[Problem]:
    """A PersistentVolumeClaim says how it is mounted and how large it is."""
    spec = top.at("spec")
    if spec.value is None:
        return
    if not spec.get("accessModes"):
        yield spec.problem("is missing", "accessModes", allowed=["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"])
    elif "ReadWriteOncePod" in spec.get("accessModes") and len(spec.get("accessModes")) > 1:
        yield spec.problem("ReadWriteOncePod stands alone", "accessModes")
    if "storage" not in (spec.get("resources", "requests") or {}):
        yield spec.problem("is missing", "resources", "requests", "storage", hint="say how large it is: 10Gi")


def _job(top: Part) -> Iterator[Problem]:
    yield from _job_spec(top.at("spec"))
    if top.get("spec", "selector") is not None and not top.get("spec", "manualSelector"):
        yield top.problem("is made by the server", "spec", "selector", hint="leave it out")


def _cron(top: Part) -> Iterator[Problem]:
    yield from _job_spec(top.at("spec", "jobTemplate", "spec"))


def _job_spec(spec: Part) -> Iterator[Problem]:
    indexed = spec.get("completionMode") == "Indexed"
    if indexed and spec.get("completions") is None and spec.get("parallelism") is not None:
        yield spec.problem("is missing", "completions", hint="completionMode: Indexed needs it beside parallelism")
    for name in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        if spec.get(name) is not None and not indexed:
            yield spec.problem("needs completionMode: Indexed", name)
    if spec.get("podFailurePolicy") is not None and spec.get("template", "spec", "restartPolicy") == "OnFailure":
        message = "must be Never, since there is a podFailurePolicy"
        yield spec.problem(message, "template", "spec", "restartPolicy", allowed=["Never"])


def _autoscaler(top: Part) -> Iterator[Problem]:
    least, most = top.get("spec", "minReplicas"), top.get("spec", "maxReplicas")
    if least is not None and most is not None and least > most:
        yield top.problem(f"is {least}, but maxReplicas is {most}", "spec", "minReplicas")
    for metric in top.each("spec", "metrics"):
        yield from _metric(metric)
    for direction in ("scaleUp", "scaleDown"):
        if top.get("spec", "behavior", direction, "policies") == []:
            yield top.problem("is empty", "spec", "behavior", direction, "policies", hint="leave it out")


def _metric(metric: Part) -> Iterator[Problem]:
    wanted = _METRICS.get(metric.get("type"))
    if wanted is None:
        return
    if wanted not in metric.value:
        yield metric.problem("is missing", wanted, hint=f"type is {metric.get('type')}")
    for name in _METRICS.values():
        if name != wanted and metric.get(name) is not None:
            yield metric.problem(f"does not belong to type {metric.get('type')}", name)
    target = metric.at(wanted, "target")
    if target.value is not None and wanted in ("resource", "containerResource"):
        given = [name for name in ("averageUtilization", "averageValue") if name in target.value]
        if len(given) != 1:
            hint = "write averageUtilization (in percent) or averageValue"
            yield target.problem("has both" if given else "says no number", hint=hint)


def _budget(top: Part) -> Iterator[Problem]:
    spec = top.at("spec")
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield spec.problem("stands beside minAvailable", "maxUnavailable", hint="write one of them")
    yield from expressions(spec.at("selector"))


_RULES: dict[tuple[str, str], tuple[Callable[[Part], Iterator[Problem]], ...]] = {
    ("apps", "Deployment"): (_selector, _strategy, _deadline),
    ("apps", "ReplicaSet"): (_selector,),
    ("apps", "StatefulSet"): (_selector, _stateful),
    ("apps", "DaemonSet"): (_selector, _daemons),
    ("batch", "Job"): (_job,),
    ("batch", "CronJob"): (_cron,),
    ("autoscaling", "HorizontalPodAutoscaler"): (_autoscaler,),
    ("policy", "PodDisruptionBudget"): (_budget,),
    ("", "PersistentVolumeClaim"): (_claim,),
}
