"""Taking releases out of a store, with all that was said of them."""

from __future__ import annotations

from model_devops.release.oci import OciStore
from model_devops.release.store import Stored


def remove(store: OciStore, releases: list[Stored]) -> None:
    """The releases first: killed in between, what was said of one may stay, but never a release without it (S4)."""
    said = [item.digest for release in releases for item in store.evidence(release.digest)]
    store.repository.remove([release.digest for release in releases])
    store.repository.remove(said)
