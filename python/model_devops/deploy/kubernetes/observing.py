"""What runs right now in an environment, as an `Observation`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.deploy.kubernetes import proving
from model_devops.deploy.kubernetes.applying import key
from model_devops.deploy.kubernetes.foreign import KIND, added, owned
from model_devops.deploy.kubernetes.proving import Evidence
from model_devops.deploy.kubernetes.records import Applied
from model_devops.deploy.kubernetes.view import View
from model_devops.deploy.proof import image_digest
from model_devops.deploy.revision import Revision
from model_devops.deploy.target import Observation
from model_devops.manifests.values import serve_of


@dataclass(frozen=True)
class Observing:
    """One look at an environment, with what its pods give for proof."""

    cluster: Cluster
    view: View
    revision: Revision | None
    """The one that was applied last; None where no record has its number."""
    applied: Applied | None
    """What it is made of; None: nothing is hashed and no server is asked."""

    def observation(self) -> Observation:
        """What was seen. Of pods that differ from each other, the one that speaks against the release counts."""
        pods = self._asked()
        levels = _Levels(pods, self.revision)
        return Observation(
            running=True,
            revision=self.view.revision,
            ready=self.view.complete,
            image=levels.image(self._digests),
            measured=levels.measured() if self.applied else None,
            digest=levels.reported() if self.applied else None,
            changed=list(self._changed()) if self.applied else [],
            problems=[f"pod {one.pod}: {problem}" for one in pods for problem in one.problems],
            missing=levels.missing(),
            detail=self._detail(),
        )

    @property
    def _digests(self) -> list[str]:
        found: list[str] = ((self.revision.settings.get("image") or {}).get("digests") or []) if self.revision else []
        return found

    def _asked(self) -> list[Evidence]:
        pods = self.view.new_pods
        if self.applied is None or self.revision is None:
            return [Evidence(one["metadata"]["name"], proving.image_of(one, proving.container_of(one))) for one in pods]
        applied, serve, digests = self.applied, serve_of(self.revision), self._digests
        debug = self.revision.settings.get("debug_image")
        return proving.each(pods, lambda pod: proving.evidence(self.cluster, pod, digests, applied, serve, debug))

    def _changed(self) -> Iterator[str]:
        """The fields of our objects that aren't as they were applied."""
        if self.applied is None or not self.applied.objects:
            return
        for one in self.applied.objects:
            api, kind, name = key(one)
            there = self.view.deployment if kind == KIND else None
            if there is None:
                there = self.cluster.get(f"{api}/{kind}", name, one["metadata"]["namespace"])
            if there is None:
                yield f"{kind} {name} is gone"
            else:
                yield from (f"{kind} {name} {field}" for field in differing(one, there, owned(there)))
                if kind == KIND:
                    yield from (f"{kind} {name} {field} (added by {who})" for who, field in added(there))

    def _detail(self) -> str:
        view = self.view
        old = f", {len(view.old_pods)} of before" if view.old_pods else ""
        return f"{view.ready} of {view.wanted} pods ready{old}"


def differing(wanted: Any, found: Any, ours: Any = None, path: str = "") -> Iterator[str]:
    """The fields that are not as wanted; what the cluster adds by itself doesn't count.

    `ours`: the fields that are ours still. Whoever changes one takes it from us, so such a field is as it was applied,
    in whatever words the cluster keeps it: `1024Mi` as `1Gi`, 1 as `1`.
    """
    if ours == {} or wanted is None:  # `creationTimestamp: null`, as kubectl prints it, asks for nothing
        return
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            below = f"{path}.{name}" if path else name
            there = found.get(name) if isinstance(found, dict) else None
            yield from differing(value, there, (ours or {}).get(f"f:{name}"), below)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differing(one, other, _item(ours or {}, one), f"{path}[{index}]")
    elif wanted != found and not (wanted in ({}, [], False, 0, "") and found is None):
        yield path


def _item(ours: Mapping[str, Any], item: Any) -> Any:
    """Of the fields of a list those of one item, which is told by some of its own: `k:{"name":"server"}`."""
    for name, below in ours.items():
        kind, _, told = name.partition(":")
        if kind == "k" and isinstance(item, dict) and json.loads(told).items() <= item.items():
            return below
    return None


@dataclass(frozen=True)
class _Levels:
    """What several pods come to: all must hold."""

    pods: list[Evidence]
    revision: Revision | None

    def image(self, digests: list[str]) -> str | None:
        """The release's digest where every pod runs a name of it; else the one that isn't."""
        seen = [one.image for one in self.pods]
        if not seen or not all(seen):
            return None
        strange = next((one for one in seen if one not in digests), None)
        return strange or (image_digest(self.revision) if self.revision else None)

    def measured(self) -> str | None:
        whole = bool(self.pods) and all(one.measured for one in self.pods)
        return self.revision.model if whole and self.revision else None

    def reported(self) -> str | None:
        said = [one.reported for one in self.pods]
        if not said or not all(said):
            return None
        return next((one for one in said if self.revision and one != self.revision.model), said[0])

    def missing(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in self.pods:
            for level, why in one.missing.items():
                found.setdefault(level, f"pod {one.pod}: {why}")
        return found
