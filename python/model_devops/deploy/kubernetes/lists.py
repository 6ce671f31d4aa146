"""Looking at many environments of a namespace with one request for each kind of object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.manifests.values import DOMAIN, INSTANCE

MANAGED = "app.kubernetes.io/managed-by=model-devops"
RECORD = f"{DOMAIN}/record"


@dataclass
class Lists:
    """What was listed so far, as it was then."""

    cluster: Cluster
    _known: dict[tuple[str, str], dict[str, list[Any]]] = field(default_factory=dict)

    def of(self, kind: str, namespace: str, name: str) -> list[Any]:
        """The objects of one environment. Of Secrets only places and revisions: what was applied is large."""
        known = self._known.get((kind, namespace))
        if known is None:
            selector = MANAGED + (f",{RECORD} in (place,revision)" if kind == "Secret" else "")
            known = self._known[kind, namespace] = {}
            for one in self.cluster.list(kind, namespace, labels=selector):
                known.setdefault((one["metadata"].get("labels") or {}).get(INSTANCE, ""), []).append(one)
        return known.get(name, [])
