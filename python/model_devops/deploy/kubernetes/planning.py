"""What applying a revision would change, and what stands in its way: asked of the cluster, changing nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.refusals import AdmissionError, FieldConflict, InvalidError
from model_devops.deploy.kubernetes.applying import KEPT, is_ours, key
from model_devops.deploy.kubernetes.foreign import HANDOVER, KIND, added
from model_devops.deploy.target import Planned

Object = dict[str, Any]
#: Who may own fields that we set: the autoscaler, and ourselves.
OURS = ("model-devops", HANDOVER)
_SCALERS = ("kube-controller-manager", "horizontal-pod-autoscaler")
_UNSAID = ("metadata", "status", "apiVersion", "kind")
_NAMED = ("name", "containerPort", "mountPath", "key", "type", "host", "path")
MOST = 8
"""Changed fields of one object that are told."""


def plan(
    cluster: Cluster, name: str, objects: list[Object], before: list[Object], *, adopted: bool, back: bool
) -> Planned:
    """Compare with a server-side dry run. `before`: what the revision that runs is made of.

    `adopted`: somebody said with a reason that objects and fields of others may be taken over. `back`: to what ran
    before, which must not fail for what others set in our objects (D11).
    """
    changes, problems = list[str](), list[str]()
    for one in objects:
        more, wrong = _one(cluster, name, one, adopted=adopted, fields=adopted or back)
        changes += more
        problems += wrong
    kept = {key(one) for one in objects}
    changes += [f"removes {title(one)}" for one in before if key(one) not in kept and one["kind"] not in KEPT]
    return Planned(changes, problems)


def _one(cluster: Cluster, name: str, one: Object, *, adopted: bool, fields: bool) -> tuple[list[str], list[str]]:
    """What changes of one object, and what stands in the way. `fields`: those of others may be taken over."""
    api, kind, own = key(one)
    there = cluster.get(f"{api}/{kind}", own, one["metadata"]["namespace"])
    if there is not None and not is_ours(there, name) and not adopted:
        return [], [f"{title(one)} is there already, and was not made by model-devops for {name}"]
    try:
        then = _tried(cluster, one, there, fields=fields)
    except FieldConflict as error:
        return [], [f"{title(one)}: {field} is set by {manager}" for manager, field in error.fields]
    except InvalidError as error:
        return [], list(_invalid(one, error))
    except AdmissionError as error:
        return [], [f"{title(one)}: {error.message}"]
    if there is None:
        return [f"makes {title(one)}"], []
    return _foreign(one, there, [*_told(one, there, then)], fields=fields)


def _foreign(one: Object, there: Object, told: list[str], *, fields: bool) -> tuple[list[str], list[str]]:
    """The same with what others added: no conflict tells of it, and no apply alone removes it."""
    found = [f"{title(one)}: {field} was added by {who}" for who, field in added(there)] if one["kind"] == KIND else []
    return ([*told, *(f"{line}, and is removed" for line in found)], []) if fields or not found else ([], found)


def _tried(cluster: Cluster, one: Object, there: Object | None, *, fields: bool) -> Object:
    """The object as it would be. Numbers of pods are an autoscaler's to change, and ours to take back."""
    try:
        return cluster.apply(one, dry_run=True, force=fields or there is None)
    except FieldConflict as error:
        foreign = [pair for pair in error.fields if not _may_be_taken(*pair)]
        if foreign:
            raise FieldConflict(error.message, foreign, hint=error.hint or "") from None
        return cluster.apply(one, dry_run=True, force=True)


def _may_be_taken(manager: str, field: str) -> bool:
    return manager in OURS or (field == ".spec.replicas" and manager in _SCALERS)


def _invalid(one: Object, error: InvalidError) -> Iterator[str]:
    if error.immutable:
        fields = ", ".join(error.immutable)
        yield (
            f"{title(one)}: {fields} can't be changed in place; remove it by hand in a window of your own"
            f" (kubectl delete {one['kind'].lower()} {one['metadata']['name']}), or give the new one another name"
        )
        return
    yield from (f"{title(one)}: {cause.field}: {cause.words}" for cause in error.causes)
    if not error.causes:
        yield f"{title(one)}: {error.message}"


def _told(one: Object, there: Object, then: Object) -> Iterator[str]:
    """What differs between an object as it is and as it would be."""
    changed = [*differences(_plain(there), _plain(then))]
    yield from (f"{title(one)}: {line}" for line in changed[:MOST])
    if len(changed) > MOST:
        yield f"{title(one)}: and {len(changed) - MOST} more"
    if one["kind"] == "Deployment" and there["spec"]["template"] != then["spec"]["template"]:
        yield f"{title(one)}: its pods are replaced"


def _plain(one: Object) -> Object:
    """What people set: not what the cluster keeps of it. Labels count, annotations with our own marks don't."""
    labels = {"labels": one["metadata"].get("labels") or {}}
    return {field: value for field, value in one.items() if field not in _UNSAID} | labels


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The fields that differ, as `spec.replicas: 2 → 3`."""
    if isinstance(old, dict) and isinstance(new, dict):
        for field in sorted({*old, *new}):
            yield from differences(old.get(field), new.get(field), f"{path}.{field}" if path else field)
    elif isinstance(old, list) and isinstance(new, list) and all(isinstance(one, dict) for one in [*old, *new]):
        ones, others = _by_name(old), _by_name(new)
        for name in [*ones, *(name for name in others if name not in ones)]:
            yield from differences(ones.get(name), others.get(name), f"{path}[{name}]")
    elif old != new:
        yield f"{path}: {_shown(old)} → {_shown(new)}"


def _by_name(items: list[Object]) -> dict[str, Object]:
    """The items of a list by what Kubernetes tells them apart by."""
    return {str(next((one[name] for name in _NAMED if name in one), index)): one for index, one in enumerate(items)}


def _shown(value: Any) -> str:
    if value in (None, "", {}, []):
        return "none"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 100 else text[:97] + "…"


def title(one: Object) -> str:
    """Kind and name."""
    return f"{one['kind']} {one['metadata']['name']}"
