"""The Job: what its pods run, under which name, with which rights (none)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from model_devops.config.types import KubernetesJob
from model_devops.manifests.values import DOMAIN, resources

WORK = "/work"
"""In its folder `files` the files lie and the commands run."""
WAIT = 900
"""Seconds that a pod waits for its files, and for what it wrote to be fetched, without hearing of anybody."""
WAITING = 86400
"""Seconds that a Job may take beside its commands: waiting for nodes, and for files to go to and fro."""
CONTAINER = "commands"
USER = 65532
LABEL = f"{DOMAIN}/job"
_SHARDS = "batch.kubernetes.io/job-completion-index"


def name_of(
    model: str, what: str, commands: Sequence[str], wanted: KubernetesJob, image: str, further: Sequence[str]
) -> str:
    """Equal for equal questions: a run that starts again finds the Job that it left.

    `what`: `test` or `train`. `further`: what else decides, above all the digests of what is sent.
    """
    asked = json.dumps([list(commands), image, list(further), msgspec.to_builtins(wanted)], sort_keys=True)
    return f"{model[:40]}-{what}-{hashlib.sha256(asked.encode()).hexdigest()[:10]}"


def job(
    name: str, model: str, wanted: KubernetesJob, image: str, variables: Mapping[str, str], seconds: float
) -> dict[str, Any]:
    """The object. `seconds`: what the commands may take, all together."""
    labels = {"app.kubernetes.io/name": model, "app.kubernetes.io/managed-by": "model-devops", LABEL: name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": wanted.namespace, "labels": labels},
        "spec": {
            "completionMode": "Indexed",
            "completions": wanted.shards,
            "parallelism": wanted.shards,
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(seconds) + WAITING,
            "ttlSecondsAfterFinished": WAIT,
            "template": {"metadata": {"labels": labels}, "spec": _pod(wanted, image, variables)},
        },
    }


def _pod(wanted: KubernetesJob, image: str, variables: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted, image, variables)],
        "volumes": [{"name": "work", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    }
    if wanted.pull_secret:
        found["imagePullSecrets"] = [{"name": wanted.pull_secret}]
    if wanted.resources and wanted.resources.gpu:
        found["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return found


def _container(wanted: KubernetesJob, image: str, variables: Mapping[str, str]) -> dict[str, Any]:
    own = {"MODEL_DEVOPS_WORK": WORK, "MODEL_DEVOPS_WAIT": str(WAIT), "MODEL_DEVOPS_SHARDS": str(wanted.shards)}
    given: list[dict[str, Any]] = [
        {"name": name, "value": value} for name, value in ({"HOME": "/tmp"} | dict(variables) | own).items()
    ]
    index = {"fieldRef": {"fieldPath": f"metadata.annotations['{_SHARDS}']"}}
    return {
        "name": CONTAINER,
        "image": image,
        "command": ["python3", "-c", Path(__file__).with_name("inside.py").read_text()],
        "workingDir": WORK,
        "env": [*given, {"name": "MODEL_DEVOPS_SHARD", "valueFrom": index}],
        "resources": resources(wanted.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "work", "mountPath": WORK}, {"name": "tmp", "mountPath": "/tmp"}],
    }


def shard_of(pod: Mapping[str, Any]) -> int:
    """Which one a pod is."""
    return int((pod["metadata"].get("annotations") or {}).get(_SHARDS, 0))
