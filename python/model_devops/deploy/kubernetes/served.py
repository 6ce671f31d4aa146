"""The image that an environment's pods run, with what its registry says of it."""

from __future__ import annotations

import json
import re
from typing import Any

from model_devops.deploy.settings import ServedImage
from model_devops.errors import RefusedError
from model_devops.release.store import Store, Stored


def served_image(store: Store, release: Stored) -> ServedImage:
    """Ask for the image's names and size where it lies for this store.

    Raises RefusedError where the release has none, or it is gone, and UnreachableError.
    """
    image = release.record.image
    if image is None:
        raise RefusedError(
            f"{release.version} has no image",
            kind="no-image",
            hint="write `package:` into model.yaml and build again: pods run a release's image",
        )
    place = store.images.find(image)
    manifests = place.manifests(image.digest)
    documents: list[dict[str, Any]] = [json.loads(one.data) for one in manifests]
    images = [one for one in documents if "config" in one]
    config = json.loads(place.blobs.read(images[0]["config"]["digest"]))
    digests = {one.digest for one in manifests} | {one["config"]["digest"] for one in images}
    return ServedImage(
        reference=f"{place.name}@{image.digest}",
        digests=sorted(digests),
        size=sum(layer["size"] for layer in images[0]["layers"]),
        user=_user(config),
    )


def _user(config: dict[str, Any]) -> int | None:
    """The image's own user, where Kubernetes can tell that it isn't root's."""
    user = str((config.get("config") or {}).get("User") or "").partition(":")[0]
    return int(user) if re.fullmatch(r"[1-9][0-9]{0,9}", user) else None
