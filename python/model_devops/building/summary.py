"""A release as the result document shows it."""

from __future__ import annotations

from typing import Any

import msgspec

from model_devops.release.store import Store, Stored


def release_fields(release: Stored, store: Store) -> dict[str, Any]:
    """Name, version, digest, identity, artifacts, commit, reasons and image of a release, as this store has them.

    `image.repository` is where the image was built; `image.reference` is where it is to be had.
    """
    record = release.record
    image = record.image
    return {
        "name": record.name,
        "version": record.version,
        "digest": release.digest,
        "identity": record.identity.digest,
        "artifacts": record.identity.artifacts,
        "commit": record.commit,
        "prerelease": record.is_prerelease,
        "reasons": msgspec.to_builtins(record.reasons),
        "image": image and msgspec.to_builtins(image) | {"reference": store.images.located(image).reference},
    }
