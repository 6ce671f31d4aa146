"""What others added to our Deployment beside what we set: a sidecar, a variable, a command, a pause.

Nothing conflicts there, so an apply leaves it; yet pods with it are not what the release says. Who set which field
is in `metadata.managedFields` (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_devops.adapters.kubernetes.client import MANAGER, Cluster
from model_devops.adapters.kubernetes.refusals import ChangedError

Object = dict[str, Any]
KIND = "Deployment"
HANDOVER = "model-devops-replicas"
"""Who owns the number of pods from the moment that an autoscaler is to decide it."""
TRIES = 5
"""Controllers write to an object while its rollout goes on."""


def added(there: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(who, field) of all that others added to the spec of a Deployment.

    The number of pods is told as a conflict where it is one; annotations of pods (`kubectl rollout restart`) may stay.
    """
    ours = _owned(next((one for one in _managed(there) if _is_ours(one)), {}))
    return [(one["manager"], field) for one in _managed(there) if _foreign(one) for field in _fields(_owned(one), ours)]


def owned(there: Mapping[str, Any]) -> Object | None:
    """All fields of an object that are as we applied them, as trees of `f:NAME` and `k:{…}`; None: nobody tells."""
    return next((one["fieldsV1"] or None for one in _managed(there) if _is_ours(one)), None)


def disown(cluster: Cluster, there: Object) -> None:
    """Make ours what others added, so that the next apply removes it. Pods don't notice."""
    name, namespace = there["metadata"]["name"], there["metadata"]["namespace"]
    found: Object | None = there
    for attempt in range(TRIES):
        if found is None or not added(found):
            return
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"], "managedFields": _taken_over(found)}
        try:
            cluster.merge(KIND, name, namespace, {"metadata": metadata})
            return
        except ChangedError:
            if attempt == TRIES - 1:
                raise
            found = cluster.get(KIND, name, namespace)


def _managed(there: Mapping[str, Any]) -> list[Object]:
    return list(there["metadata"].get("managedFields") or [])


def _is_ours(entry: Object) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def _foreign(entry: Object) -> bool:
    return entry.get("manager") not in (MANAGER, HANDOVER) and not entry.get("subresource")


def _owned(entry: Object) -> Object:
    """The part of an owner's fields that says what pods run and how they are replaced."""
    spec = dict((entry.get("fieldsV1") or {}).get("f:spec") or {})
    spec.pop("f:replicas", None)
    if "f:template" in spec:
        spec["f:template"] = {key: below for key, below in spec["f:template"].items() if key != "f:metadata"}
    return spec


def _fields(theirs: Object, ours: Object, path: str = ".spec") -> Iterator[str]:
    """Their fields that we don't have, each at its highest."""
    for key, below in theirs.items():
        if key == ".":
            continue
        here = path + _shown(key)
        if key in ours:
            yield from _fields(below, ours[key], here)
        elif not below or "." in below or key.startswith("k:"):
            yield here
        else:
            yield from _fields(below, {}, here)


def _shown(key: str) -> str:
    """`f:command` as `.command`, `k:{"name":"server"}` as `[server]`."""
    kind, _, rest = key.partition(":")
    if kind == "f":
        return f".{rest}"
    words = [part.partition(":")[2].strip('"') for part in rest.strip("{}").split(",")]
    return f"[{' '.join(words)}]" if kind == "k" else f"[{rest}]"


def _taken_over(there: Object) -> list[Object]:
    """All owners, with what the others added in our name alone."""
    entries = _managed(there)
    ours = next((one for one in entries if _is_ours(one)), None) or _nothing(there)
    fields = ours["fieldsV1"]
    others = []
    for one in entries:
        if not _foreign(one):
            others += [] if _is_ours(one) else [one]
            continue
        fields = _merged(fields, {"f:spec": _owned(one)})
        others.append({**one, "fieldsV1": _left(one["fieldsV1"])})
    return [{**ours, "fieldsV1": fields}, *(one for one in others if one["fieldsV1"])]


def _nothing(there: Object) -> Object:
    named = {"manager": MANAGER, "operation": "Apply", "apiVersion": there["apiVersion"]}
    return {**named, "fieldsType": "FieldsV1", "fieldsV1": {}}


def _left(fields: Object) -> Object:
    """What stays theirs."""
    spec = fields.get("f:spec") or {}
    kept = {key: spec[key] for key in ("f:replicas",) if key in spec}
    metadata = (spec.get("f:template") or {}).get("f:metadata")
    if metadata:
        kept["f:template"] = {"f:metadata": metadata}
    rest = {key: below for key, below in fields.items() if key != "f:spec"}
    return {**rest, "f:spec": kept} if kept else rest


def _merged(one: Object, other: Object) -> Object:
    return {key: _merged(one.get(key) or {}, other.get(key) or {}) for key in {**one, **other}}
