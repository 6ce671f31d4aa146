"""What templates are given: the names and figures of one revision (docs/kubernetes.md lists them).

A pure function of what the revision records, so that the same revision comes to the same bytes on every machine,
now and when it is brought back.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import msgspec
import rfc8785

from model_devops.config.durations import seconds
from model_devops.config.quantities import cpus, memory
from model_devops.config.types import Autoscale, Ingress, Resources, Serve
from model_devops.deploy.revision import Revision
from model_devops.deploy.settings import KubernetesSettings

#: The label that all objects of an environment have, and that `kubectl delete -l` takes.
INSTANCE = "app.kubernetes.io/instance"
DOMAIN = "modeldevops.org"
CONTAINER_PORT = 8080
"""Where the server listens in its container, as images made on a base have it (images/append.py)."""
USER = 65532
"""Nobody in particular, as a number: Kubernetes can't tell of a name that it isn't root's."""
PULL_BYTES = 20 << 20
"""Bytes a second that pulling an image is expected to bring at least."""
SLACK = 120
"""Seconds that scheduling, pulling and starting may take beside what was reckoned."""
_LABEL = 63


def object_name(model: str, environment: str) -> str:
    """What an environment's objects are called (D11)."""
    return f"{model}-{environment}"


def common_labels(model: str, environment: str) -> dict[str, str]:
    """The labels of every object of an environment."""
    return {
        "app.kubernetes.io/name": model,
        INSTANCE: object_name(model, environment),
        "app.kubernetes.io/managed-by": "model-devops",
        f"{DOMAIN}/environment": environment,
    }


def values(model: str, environment: str, revision: Revision) -> dict[str, Any]:
    """The values for a revision's templates. Durations are in whole seconds, sizes in bytes."""
    settings = msgspec.convert(revision.settings, KubernetesSettings)
    name = object_name(model, environment)
    env = _env(settings, environment)
    selector = {"app.kubernetes.io/name": model, INSTANCE: name}
    return {
        "name": name,
        "model": model,
        "environment": environment,
        "namespace": settings.namespace,
        "version": revision.version,
        "release": revision.release,
        "image": settings.image.reference,
        "labels": common_labels(model, environment),
        "selector": selector,
        "pod_labels": selector | _pod_labels(environment, revision),
        "annotations": _annotations(revision),
        "port": settings.port,
        "container_port": CONTAINER_PORT,
        "user": settings.image.user or USER,
        "env": env,
        "config_name": f"{name}-{_short(rfc8785.dumps(env))}",
        "pull_secret": settings.pull_secret,
        "ready": settings.serve.ready,
    } | _figures(settings)


def _env(settings: KubernetesSettings, environment: str) -> dict[str, str]:
    """The server's variables, as the target `local` has them; what tells revisions apart is not in there."""
    ours = {"HOST": "0.0.0.0", "PORT": str(CONTAINER_PORT), "MODEL_DEVOPS_ENVIRONMENT": environment}
    return settings.serve.env | settings.env | settings.identity | ours


def _pod_labels(environment: str, revision: Revision) -> dict[str, str]:
    release = (revision.release or "").removeprefix("sha256:")[:_LABEL]
    return {
        "app.kubernetes.io/version": (revision.version or "")[:_LABEL].rstrip("-_."),
        "app.kubernetes.io/managed-by": "model-devops",
        f"{DOMAIN}/environment": environment,
        f"{DOMAIN}/release": release,
    }


def _annotations(revision: Revision) -> dict[str, str]:
    found = {"release": revision.release, "version": revision.version, "model": revision.model}
    return {f"{DOMAIN}/{name}": value for name, value in found.items() if value}


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:10]


def _figures(settings: KubernetesSettings) -> dict[str, Any]:
    """How many, how much and how long."""
    start, min_ready = _whole(settings.serve.start_timeout), _whole(settings.min_ready)
    period = max(1, min(10, start // 30))
    drain, stop = _whole(settings.drain), _whole(settings.serve.stop_timeout)
    pull = math.ceil(settings.image.size / PULL_BYTES)
    gpu = settings.resources.gpu if settings.resources else None
    least = settings.autoscale.min if settings.autoscale else settings.replicas
    return {
        "replicas": settings.replicas,
        "autoscale": _given(settings.autoscale),
        "ingress": _given(settings.ingress),
        "pods_at_least": least,
        "gpu": gpu,
        "resources": resources(settings.resources),
        "startup_period": period,
        "startup_failures": max(1, math.ceil(start / period)),
        "min_ready_seconds": min_ready,
        "drain_seconds": drain,
        "grace_seconds": drain + stop + 5,
        "pull_seconds": pull,
        "start_seconds": start,
        "progress_seconds": pull + start + min_ready + SLACK,
    }


def _given(block: Autoscale | Ingress | None) -> dict[str, Any] | None:
    return msgspec.to_builtins(block) if block else None


def _whole(duration: str) -> int:
    return math.ceil(seconds(duration))


def resources(block: Resources | None) -> dict[str, Any]:
    """Requests and limits of the server: memory's are equal, CPU is requested and not limited.

    https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
    """
    if block is None:
        return {}
    requests: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    if cpus(block.cpu):
        requests["cpu"] = block.cpu
    if memory(block.memory):
        requests["memory"] = limits["memory"] = block.memory
    if block.gpu:
        limits["nvidia.com/gpu"] = block.gpu
    return {name: amounts for name, amounts in (("requests", requests), ("limits", limits)) if amounts}


def serve_of(revision: Revision) -> Serve:
    """How a revision's release is served."""
    return msgspec.convert(revision.settings["serve"], Serve)
