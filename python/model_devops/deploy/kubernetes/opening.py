"""Opening an environment in a cluster, by its block."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from model_devops.config.types import Environment
from model_devops.deploy.kubernetes.lease import SECONDS
from model_devops.deploy.kubernetes.lists import Lists
from model_devops.deploy.kubernetes.target import KubernetesTarget
from model_devops.deploy.target import Target
from model_devops.errors import UsageError

if TYPE_CHECKING:
    from model_devops.adapters.kubernetes.client import Cluster

LEASE = "MODEL_DEVOPS_LEASE_SECONDS"


def open_cluster(model: str, environment: str, block: Environment) -> KubernetesTarget:
    """The environment. Nothing is asked of the cluster yet."""
    assert block.namespace is not None, "config/target_rules.py asks for it"
    context = block.context
    return KubernetesTarget(model, environment, block.namespace, context, lambda: _connected(context), lease_seconds())


def lease_seconds() -> int:
    """How long the lock of a run lasts that was killed (D3)."""
    text = os.environ.get(LEASE, "")
    if not text:
        return SECONDS
    if not text.isdigit() or not 3 <= int(text) <= 3600:
        raise UsageError(f"{LEASE} is {text!r}", hint="write whole seconds, 3 to 3600")
    return int(text)


def together(targets: Iterable[Target]) -> None:
    """Let environments of one context share what is listed of it."""
    lists: dict[str | None, Lists] = {}
    for target in targets:
        if isinstance(target, KubernetesTarget):
            target.together(lists.setdefault(target.context, Lists(target.cluster)))


@lru_cache(maxsize=8)
def _connected(context: str | None) -> Cluster:
    """One for each context and run: connections and what was discovered are shared."""
    from model_devops.adapters.kubernetes.client import connect

    return connect(context)
