"""Joining a folder of stores to this clone's (S1)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.errors import UsageError
from model_devops.release.layout import LayoutStore
from model_devops.release.location import Location, stores_below
from model_devops.release.transfer import join

if TYPE_CHECKING:
    from model_devops.config.types import Model


def join_stores(place: Location, model: Model, old: Path) -> list[str]:
    """Take all that `old` holds: the store of `model`, or a folder of several models' stores.

    Returns the tags that are new, each with its model. Raises UsageError where `old` holds no store or is the
    same one, RefusedError (kind `other-content`) where both have a version with other content.
    """
    folders = stores_below(old)
    if not folders:
        raise UsageError(f"{old} holds no store", hint="name a folder with an index.json, or one with such folders")
    taken = []
    for folder in folders:
        name = model.name if folder == old else folder.name
        into = place.store(name)
        if isinstance(into, LayoutStore) and into.folder.exists() and into.folder.samefile(folder):
            raise UsageError(f"{folder} is this clone's store already")
        taken += [f"{name} {tag}" for tag in join(into, LayoutStore(folder))]
    return taken
