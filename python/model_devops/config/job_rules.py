"""What no type can say of `test.kubernetes` in a model.yaml. Works as config/rules.py does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_devops.config.places import Places
from model_devops.config.quantities import cpus, memory
from model_devops.errors import Problem, UsageError

MOST = 100
"""Pods of one Job: each is sent the files by this machine."""


def problems(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """All problems of a test's Job."""
    block = (document.get("test") or {}).get("kubernetes")
    if not block:
        return
    at = ("test", "kubernetes")
    shards = block.get("shards") or 1
    if not block.get("image") and "package" not in document:
        hint = "write `image: HOST/PATH@sha256:…`, or a `package` block: then it is the release's"
        yield places.problem("there is no image to run", *at, hint=hint)
    if shards > MOST:
        yield places.problem(f"at most {MOST} pods", *at, "shards")
    if shards > 1 and not block.get("combine"):
        hint = "write `combine: COMMAND`, which reads metrics.0.json, metrics.1.json, … and writes metrics.json"
        yield places.problem("nothing makes one result of the shards'", *at, "shards", hint=hint)
    if block.get("combine") and shards == 1:
        yield places.problem("there is one shard only", *at, "combine", hint="leave it out, or write `shards`")
    for key, read in (("cpu", cpus), ("memory", memory)):
        try:
            read((block.get("resources") or {}).get(key))
        except UsageError as error:
            yield places.problem(error.message, *at, "resources", key, hint=error.hint)
