"""The recipe: what model.yaml says of how a release is trained, tested, served and packaged (B1).

It also holds the layout, where each artifact lies relative to model.yaml: commands name these paths,
so old bytes are always run at the paths that their commands expect.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import rfc8785

from model_devops.config.types import Model, Serve
from model_devops.config.views import train_block, train_commands
from model_devops.release.store import Store, Stored

FILE = "recipe.json"


def recipe_bytes(model: Model, layout: dict[str, str], dockerfile: str | None = None) -> bytes:
    """Canonical JSON of the recipe; `dockerfile` is the text of the one that `package` names."""
    recipe: dict[str, Any] = {
        "layout": layout,
        "train": train_commands(model),
        "test": {"run": model.test.run} if model.test else None,
        "serve": msgspec.to_builtins(model.serve) if model.serve else None,
    }
    place = train_place(model)
    if place:
        recipe["trainIn"] = place
    if model.package:  # left out where there is none: recipes of before stay what they are
        package = msgspec.to_builtins(model.package) | {"dockerfileText": dockerfile}
        recipe["package"] = {name: value for name, value in package.items() if name != "image"}
    return rfc8785.dumps(recipe)


def train_place(model: Model) -> dict[str, Any] | None:
    """What decides of a training in a cluster beside its commands (B5); None where it runs on the agent."""
    block = train_block(model)
    job = block.kubernetes if block else None
    return {"image": job.image, "shards": job.shards} if job else None


def read_recipe(store: Store, release: Stored) -> dict[str, Any]:
    """The recipe of a stored release: deploy and rollback take commands from here only (B1)."""
    recipe: dict[str, Any] = json.loads(store.read_file(release, "recipe", FILE))
    return recipe


def serve_block(store: Store, release: Stored) -> Serve | None:
    """How a stored release is served, or None where it isn't."""
    serve = read_recipe(store, release).get("serve")
    return msgspec.convert(serve, Serve) if serve else None
