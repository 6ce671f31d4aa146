"""Objects as rules read them: parts that know where they stand, without what is already known to be wrong.

A value with a problem of its own is None, like one that isn't there; whatever is not None has the type that its
definition wants. So rules look at no types, and one mistake is one problem.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from model_devops.config.places import Keys
from model_devops.errors import Problem
from model_devops.manifests.manifest import Manifest
from model_devops.manifests.shapes import Finding

#: The kinds that make pods, and the way to their template.
TEMPLATES: dict[tuple[str, str], Keys] = {
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("", "ReplicationController"): ("spec", "template"),
    ("", "PodTemplate"): ("template",),
    ("", "Pod"): (),
}


class Part:
    """A value of an object, and the way to it."""

    __slots__ = ("keys", "manifest", "value")

    def __init__(self, manifest: Manifest, value: Any, keys: Keys = ()) -> None:
        self.manifest = manifest
        self.value = value
        self.keys = keys

    def get(self, *keys: str) -> Any:
        """The value of a field below; None if it isn't there."""
        value = self.value
        for key in keys:
            if value is None:
                return None
            value = value.get(key)
        return value

    def spoiled(self, key: str) -> bool:
        """Whether a field is there, but nothing can be said of it."""
        return self.value is not None and key in self.value and self.value[key] is None

    def at(self, *keys: str) -> Part:
        """A field below, there or not."""
        return Part(self.manifest, self.get(*keys), (*self.keys, *keys))

    def each(self, *keys: str) -> Iterator[Part]:
        """The items of a list below."""
        where = (*self.keys, *keys)
        for index, item in enumerate(self.get(*keys) or ()):
            if item is not None:
                yield Part(self.manifest, item, (*where, index))

    def names(self, *keys: str) -> list[str] | None:
        """The names of the items of a list below; None if an item is wrong, so that not all are known."""
        items = self.get(*keys) or []
        return None if None in items else [item["name"] for item in items if item.get("name")]

    def pairs(self, *keys: str) -> Iterator[tuple[str, Part]]:
        """The entries of a mapping below."""
        where = (*self.keys, *keys)
        for key, item in (self.get(*keys) or {}).items():
            if item is not None:
                yield key, Part(self.manifest, item, (*where, key))

    def problem(self, message: str, *keys: str, allowed: Iterable[str] = (), hint: str | None = None) -> Problem:
        """A problem here, or in a field below."""
        return self.manifest.problem(message, *self.keys, *keys, allowed=tuple(allowed), hint=hint)


class Pod:
    """The pods that an object makes."""

    def __init__(self, owner: Part, template: Part) -> None:
        self.owner = owner
        self.spec = template.at("spec")
        self.metadata = template.at("metadata")

    @property
    def labels(self) -> dict[str, str]:
        """The labels that its pods have."""
        return self.metadata.get("labels") or {}

    def containers(self, *lists: str) -> Iterator[Part]:
        """Its containers, in the lists named; in all of them if none is."""
        for name in lists or ("containers", "initContainers", "ephemeralContainers"):
            yield from self.spec.each(name)


def pod_of(top: Part) -> Pod | None:
    """The pods that an object makes, if it is of a kind that does."""
    keys = TEMPLATES.get((top.manifest.group, top.manifest.kind))
    return None if keys is None else Pod(top, top.at(*[str(key) for key in keys]))


def sound(manifest: Manifest, findings: list[Finding]) -> Part:
    """The object without the values that something was found at."""
    content: Any = copy.deepcopy(manifest.content) if findings else manifest.content
    for finding in findings:
        _spoil(content, finding.keys)
    return Part(manifest, content)


def _spoil(content: Any, keys: Keys) -> None:
    """Put None at the end of a way, if the way is there."""
    for key in keys[:-1]:
        content = _inside(content, key)
    if _inside(content, keys[-1]) is not None:
        content[keys[-1]] = None


def _inside(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None
