"""What a revision in Kubernetes is made of, from the release and the environment's block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from model_devops.config.types import Environment, Serve
from model_devops.deploy.kubernetes.served import served_image
from model_devops.deploy.settings import KubernetesSettings
from model_devops.release.store import Store, Stored
from model_devops.runtime.surroundings import identity_of

PORT = 80
REPLICAS = 3
MIN_READY = DRAIN = "10s"


def cluster_settings(
    store: Store, release: Stored, serve: Serve, block: Environment, templates: Mapping[str, str]
) -> dict[str, Any]:
    """The settings as a revision records them. Raises RefusedError where the release has no image, or it is gone."""
    assert block.namespace is not None, "config/target_rules.py asks for it"
    found = KubernetesSettings(
        target="kubernetes",
        namespace=block.namespace,
        port=block.port or PORT,
        replicas=_replicas(block),
        min_ready=block.min_ready or MIN_READY,
        drain=block.drain or DRAIN,
        image=served_image(store, release),
        identity=identity_of(release),
        env=dict(block.env),
        serve=serve,
        autoscale=block.autoscale,
        resources=block.resources or serve.resources,
        ingress=block.ingress,
        pull_secret=block.pull_secret,
        debug_image=block.debug_image,
        templates=dict(templates),
    )
    settings: dict[str, Any] = msgspec.to_builtins(found)
    return settings


def _replicas(block: Environment) -> int:
    if block.autoscale:
        return block.autoscale.min
    return block.replicas or (1 if block.prereleases else REPLICAS)
