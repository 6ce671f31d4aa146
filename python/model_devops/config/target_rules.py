"""What no type can say of an environment's target in a model.yaml. Works as config/rules.py does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from model_devops.config.durations import seconds
from model_devops.config.places import Places
from model_devops.config.quantities import cpus, memory
from model_devops.errors import Problem, UsageError

#: Keys that say nothing to the other target.
LOCAL = ("host",)
KUBERNETES = (
    "context", "namespace", "replicas", "autoscale", "resources", "ingress", "pull_secret", "templates", "min_ready",
    "drain", "debug_image",
)  # fmt: skip
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_OBJECT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def problems(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """All problems of the environments' targets."""
    for name, block in (document.get("environments") or {}).items():
        target = (block or {}).get("target")
        if target == "local":
            yield from _foreign(block, places, name, KUBERNETES)
            yield from _local(block, places, name)
        elif target == "kubernetes":
            yield from _foreign(block, places, name, LOCAL)
            yield from _kubernetes(document, block, places, name)


def _foreign(block: dict[str, Any], places: Places, name: str, keys: tuple[str, ...]) -> Iterator[Problem]:
    for key in keys:
        if key in block:
            hint = "an Ingress has `ingress: {host: …}`" if key == "host" else None
            yield places.problem(f"says nothing to the target {block['target']}", "environments", name, key, hint=hint)


def _local(block: dict[str, Any], places: Places, name: str) -> Iterator[Problem]:
    if "port" not in block:
        hint = "write `port: 8080`: where the server listens"
        yield places.problem("port is missing", "environments", name, hint=hint)
    for index, level in enumerate(block.get("proof") or []):
        if level == "image":
            at = ("environments", name, "proof", index)
            yield places.problem("a local target has no image", *at, allowed=("measured", "reported"))


def _kubernetes(document: dict[str, Any], block: dict[str, Any], places: Places, name: str) -> Iterator[Problem]:
    at = ("environments", name)
    if "namespace" not in block:
        yield places.problem("namespace is missing", *at, hint="write `namespace: NAME`: where its objects lie")
    if "package" not in document:
        hint = "write a `package` block: pods run the release's image"
        yield places.problem("there is no image to run", *at, "target", hint=hint)
    yield from _scale(block, places, at)
    yield from _resources(block, places, at)
    yield from _names(block, places, at)
    for key in ("min_ready", "drain"):
        try:
            seconds(block.get(key) or "0s")
        except UsageError as error:
            yield places.problem(error.message, *at, key)


def _scale(block: dict[str, Any], places: Places, at: tuple[str, str]) -> Iterator[Problem]:
    scale = block.get("autoscale") or {}
    if scale and "replicas" in block:
        yield places.problem("autoscale decides how many pods there are", *at, "replicas", hint="leave one of them out")
    low, high = scale.get("min"), scale.get("max")
    if low is not None and high is not None and low > high:
        yield places.problem(f"min {low} is above max {high}", *at, "autoscale", "min")
    if scale and not (block.get("resources") or {}).get("cpu"):
        hint = "write `resources: {cpu: …}`: the autoscaler compares with what is requested"
        yield places.problem("needs an amount of CPU in the environment's resources", *at, "autoscale", hint=hint)


def _resources(block: dict[str, Any], places: Places, at: tuple[str, str]) -> Iterator[Problem]:
    resources = block.get("resources") or {}
    for key, read in (("cpu", cpus), ("memory", memory)):
        try:
            read(resources.get(key))
        except UsageError as error:
            yield places.problem(error.message, *at, "resources", key, hint=error.hint)


def _names(block: dict[str, Any], places: Places, at: tuple[str, str]) -> Iterator[Problem]:
    ingress = block.get("ingress") or {}
    if ingress.get("host") is not None and not _HOST.fullmatch(ingress["host"]):
        hint = "for example digits.example.com, without scheme, port or path"
        yield places.problem("is no name of a host", *at, "ingress", "host", hint=hint)
    named: dict[tuple[str, ...], str | None] = {("pull_secret",): block.get("pull_secret")}
    named |= {("ingress", key): ingress.get(key) for key in ("class_name", "tls_secret")}
    for keys, name in named.items():
        if name is not None and not _OBJECT.fullmatch(name):
            yield places.problem("is no name of an object: lower-case letters, digits, '-' and '.'", *at, *keys)
