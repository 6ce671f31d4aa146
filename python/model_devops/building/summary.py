"""A release as the result document shows it."""

from __future__ import annotations

from typing import Any

import msgspec

from model_devops.release.store import Stored


def release_fields(release: Stored) -> dict[str, Any]:
    """Name, version, digest, identity, artifacts, commit, reasons and image of a release."""
    record = release.record
    return {
        "name": record.name,
        "version": record.version,
        "digest": release.digest,
        "identity": record.identity.digest,
        "artifacts": record.identity.artifacts,
        "commit": record.commit,
        "prerelease": record.is_prerelease,
        "reasons": msgspec.to_builtins(record.reasons),
        "image": record.image and msgspec.to_builtins(record.image) | {"reference": record.image.reference},
    }
