"""Which files of a release are in its image, and what they are: what is hashed where pods run (D10)."""

from __future__ import annotations

from model_devops.building.recipe import read_recipe
from model_devops.images.contents import LEFT_OUT
from model_devops.release.packing import artifact_order
from model_devops.release.store import Store, Stored


def released(release: Stored, store: Store) -> tuple[dict[str, str], list[str], bool]:
    """SHA-256 by path in the server's folder, the model's paths, and whether the image has all of them.

    An image on a base has every file, a Dockerfile's what it copies: of that only the model is expected.
    """
    package = read_recipe(store, release).get("package") or {}
    whole = package.get("dockerfile") is None
    below = _prefix(package.get("context") or "")
    files: dict[str, str] = {}
    model: list[str] = []
    for name in artifact_order(dict.fromkeys(release.record.layout)):
        if name in LEFT_OUT or not (whole or name == "model"):
            continue
        prefix = _prefix(release.record.layout[name])
        found = {prefix + path: sha256 for path, (sha256, _) in store.files(release, name).items()}
        found = {path.removeprefix(below): sha256 for path, sha256 in found.items() if path.startswith(below)}
        files |= found
        model += list(found) if name == "model" else []
    return files, sorted(model), whole


def _prefix(folder: str) -> str:
    plain = folder.removeprefix("./").strip("/")
    return plain + "/" if plain not in ("", ".") else ""
