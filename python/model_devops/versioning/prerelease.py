"""Names of pre-releases (B8): `1.3.0-pr42.g1a2b3c4d`, `1.3.0-feature-x-9f3a.g1a2b3c4d`.

Valid as SemVer and as an OCI tag. The suffix says where it comes from and what it is; the number before
it is the version that a claim would get. Pre-releases are never tagged and never ordered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from model_devops.release.record import Identity
from model_devops.release.store import Stored
from model_devops.versioning.standing import Standing


def origin(branch: str | None, pull_request: str | None) -> str:
    """Where it comes from: `pr42`, or a branch as `[a-z0-9-]{1,20}` and 4 hex of its name's SHA-256.

    Two branches whose names look alike as slugs differ in the hex. Without a branch it is `detached-` and 4 hex.
    """
    if pull_request is not None and re.fullmatch(r"[0-9]{1,18}", pull_request, re.ASCII):
        return f"pr{pull_request}"
    name = f"pull request {pull_request}" if pull_request is not None else branch or ""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:20].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{slug or ('branch' if name else 'detached')}-{digest[:4]}"


def suffix(standing: Standing, identity: Identity) -> str:
    """All after the first `-`: the same branch and identity have the same one, whatever was released meanwhile."""
    return f"{origin(standing.branch, standing.pull_request)}.g{identity.digest.removeprefix('sha256:')[:8]}"


def existing(releases: Iterable[Stored], suffix: str, identity: Identity) -> Stored | None:
    """The pre-release that the same branch made of the same identity, under whichever number (B8)."""
    found = None
    for stored in releases:
        same = stored.record.is_prerelease and stored.version.split("-", 1)[1] == suffix
        if same and stored.record.identity.digest == identity.digest:
            found = stored
    return found
