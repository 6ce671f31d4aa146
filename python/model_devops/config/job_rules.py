"""What no type can say of `test.kubernetes` and `train.kubernetes` in a model.yaml. Works as config/rules.py does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_devops.config.places import Places
from model_devops.config.quantities import cpus, memory
from model_devops.errors import Problem, UsageError

MOST = 100
"""Pods of one Job: each is sent the files by this machine."""


def problems(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """All problems of a test's Job, and of a training's."""
    for name in ("train", "test"):
        outer = document.get(name)
        block = outer.get("kubernetes") if isinstance(outer, dict) else None
        if block:
            yield from _image(document, block, places, name)
            yield from _of_any(block, places, name)
            if name == "test":
                yield from _combined(block, places)


def _image(document: dict[str, Any], block: dict[str, Any], places: Places, name: str) -> Iterator[Problem]:
    if block.get("image") or (name == "test" and "package" in document):
        return
    hint = "write `image: HOST/PATH@sha256:…`"
    hint += ", or a `package` block: then it is the release's" if name == "test" else ""
    yield places.problem("there is no image to run", name, "kubernetes", hint=hint)


def _of_any(block: dict[str, Any], places: Places, name: str) -> Iterator[Problem]:
    if (block.get("shards") or 1) > MOST:
        yield places.problem(f"at most {MOST} pods", name, "kubernetes", "shards")
    for key, read in (("cpu", cpus), ("memory", memory)):
        try:
            read((block.get("resources") or {}).get(key))
        except UsageError as error:
            yield places.problem(error.message, name, "kubernetes", "resources", key, hint=error.hint)


def _combined(block: dict[str, Any], places: Places) -> Iterator[Problem]:
    at, shards = ("test", "kubernetes"), block.get("shards") or 1
    if shards > 1 and not block.get("combine"):
        hint = "write `combine: COMMAND`, which reads metrics.0.json, metrics.1.json, … and writes metrics.json"
        yield places.problem("nothing makes one result of the shards'", *at, "shards", hint=hint)
    if block.get("combine") and shards == 1:
        yield places.problem("there is one shard only", *at, "combine", hint="leave it out, or write `shards`")
