"""Whole releases from one layout to another: export, and joining two stores."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_devops.errors import RefusedError, UsageError
from model_devops.release import index as indexes
from model_devops.release.blobs import Meter
from model_devops.release.index import Descriptor
from model_devops.release.store import Stored

if TYPE_CHECKING:
    from model_devops.release.layout import LayoutStore


def export(store: LayoutStore, release: Stored, target: Path, meter: Meter) -> None:
    """Copy a release and its evidence into a new layout, whole or not at all.

    Raises UsageError where `target` holds something already.
    """
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise UsageError(f"{target} is there already", hint="name a folder that doesn't exist yet")
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=".model-devops-"))
    try:
        wanted = {release.digest} | {item.digest for item in store.evidence(release.digest)}
        index = indexes.read(store.folder)
        copy(store, type(store)(temporary), [entry for entry in index.entries if entry["digest"] in wanted], meter)
        os.chmod(temporary, 0o755)
        if target.exists():
            target.rmdir()
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def join(into: LayoutStore, old: LayoutStore, meter: Meter) -> list[str]:
    """Take all that another store holds of the same model; returns the tags that are new.

    Nothing is taken where a version is in both with other content (RefusedError, kind `other-content`).
    """
    there, entries = indexes.read(into.folder), indexes.read(old.folder).entries
    clashes = [_clash(into, old, entry, there.tagged(indexes.tag_of(entry) or "")) for entry in entries]
    if named := [clash for clash in clashes if clash]:
        raise RefusedError(
            f"{old.folder} and {into.folder} hold the same version with other content: {', '.join(named)}",
            kind="other-content",
            hint="nothing was joined: decide which of the two is right; `model-devops release list --store` shows them",
        )
    known = {indexes.tag_of(entry) for entry in there.entries}
    taken = [entry for entry in entries if indexes.tag_of(entry) not in known]
    copy(old, into, taken, meter)
    return [tag for entry in taken if (tag := indexes.tag_of(entry))]


def _clash(into: LayoutStore, old: LayoutStore, entry: Descriptor, other: Descriptor | None) -> str | None:
    """The version that means something else in each; for a pre-release content means identity (V6)."""
    if other is None or other["digest"] == entry["digest"]:
        return None
    with contextlib.suppress(RefusedError):
        mine, theirs = into.find(other["digest"]), old.find(entry["digest"])
        if mine and theirs and mine.record.is_prerelease and mine.record.identity == theirs.record.identity:
            return None
    return indexes.tag_of(entry)


def copy(source: LayoutStore, target: LayoutStore, entries: list[Descriptor], meter: Meter) -> None:
    """Copy manifests with all that they name, then list them."""
    target.prepare()
    for entry in entries:
        manifest = json.loads(source.blobs.read(entry["digest"]))
        for part in _parts(manifest, entry):
            target.blobs.take(source.blobs, part["digest"], part["size"], meter)
    target.blobs.settle()
    with indexes.changing(target.folder) as index:
        for entry in entries:
            index.put(
                {key: entry[key] for key in entry if key != "annotations"}, indexes.tag_of(entry) or entry["digest"]
            )


def _parts(manifest: dict[str, Any], entry: Descriptor) -> list[Descriptor]:
    return [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else []), entry]
