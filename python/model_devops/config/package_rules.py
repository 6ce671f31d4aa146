"""What no type can say of `package` in a model.yaml. Works as config/rules.py does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_devops.adapters.registry.references import parse_reference
from model_devops.config.places import Places, near
from model_devops.config.quantities import cpus, memory
from model_devops.errors import Problem, UsageError

CONTAINER = "container."
#: What the container test measures (testing/container.py), always and where it has recorded requests.
ALWAYS = ("startup_s", "peak_memory_mb")
ASKED = (
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "requests_per_second",
    "requests",
    "wrong_answers",
)


def problems(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """All problems of `package`, and of what needs an image."""
    yield from _container(document, places)
    yield from _resources(document, places)
    package = document.get("package")
    if package is None:
        return
    yield from _way(document, package, places)
    yield from _names(package, places)


def _way(document: dict[str, Any], package: dict[str, Any], places: Places) -> Iterator[Problem]:
    """One of two ways, with what it needs."""
    ways = [key for key in ("base", "dockerfile") if key in package]
    if len(ways) != 1:
        message = "an image has a base or a Dockerfile, not both" if ways else "names neither a base nor a Dockerfile"
        yield places.problem(message, "package", allowed=("base", "dockerfile"))
    if "context" in package and "dockerfile" not in package:
        yield places.problem("only a Dockerfile has a context", "package", "context")
    if "base" in package and "serve" not in document:
        hint = "write a `serve` block with a command"
        yield places.problem("the image's entry point is the serve command, and there is none", "package", hint=hint)


def _names(package: dict[str, Any], places: Places) -> Iterator[Problem]:
    for key in ("base", "image"):
        text = package.get(key)
        if text is None:
            continue
        try:
            found = parse_reference(text)
        except UsageError as error:
            yield places.problem(error.message, "package", key, hint=error.hint)
            continue
        if key == "image" and (found.tag or found.digest):
            hint = f"write {found.repository}: tags are the versions"
            yield places.problem("names a tag or digest, which are the build's to give", "package", key, hint=hint)


def _container(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    test = document.get("test") or {}
    if test.get("container"):
        for block in ("package", "serve"):
            if block not in document:
                hint = f"add `{block}:`; the container test starts the release's own image"
                yield places.problem(f"there is no `{block}`", "test", "container", hint=hint)
        yield from _measured(test, places)
    elif test.get("requests") is not None and test.get("container", False) is not None:
        yield places.problem("nobody is asked", "test", "requests", hint="add `container: true`")


def _measured(test: dict[str, Any], places: Places) -> Iterator[Problem]:
    """Gates on what the container test measures; a misspelt one would fail after everything has run."""
    for metric in test.get("gates") or {}:
        if not metric.startswith(CONTAINER):
            continue
        name = metric.removeprefix(CONTAINER)
        at = ("test", "gates", metric)
        if name not in (*ALWAYS, *ASKED):
            allowed = tuple(f"{CONTAINER}{known}" for known in (*ALWAYS, *ASKED))
            yield places.problem(
                "the container test has no such metric", *at, allowed=allowed, hint=near(metric, [*allowed])
            )
        elif name in ASKED and "requests" not in test:
            hint = "name a file of recorded requests: `requests: requests.jsonl`"
            yield places.problem("is measured only where the container is asked something", *at, hint=hint)


def _resources(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    resources = (document.get("serve") or {}).get("resources") or {}
    for key, read in (("cpu", cpus), ("memory", memory)):
        try:
            read(resources.get(key))
        except UsageError as error:
            yield places.problem(error.message, "serve", "resources", key, hint=error.hint)
