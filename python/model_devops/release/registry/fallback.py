"""The index that lists referrers for other clients where a registry doesn't (OCI distribution, "Referrers Tag Schema").

Two writers at once can overwrite each other's: nothing of ours relies on it (S4). Who writes reads again until
its entry is there, so that usually nothing is lost for others either.
"""

from __future__ import annotations

import json
import random
from typing import Any

from model_devops.adapters.documents import parsed
from model_devops.adapters.registry.client import INDEX, MANIFEST, Client, Manifest
from model_devops.release import statements
from model_devops.release.packing import Descriptor, digest_of

ROUNDS = 8


def tag(release: str) -> str:
    """`sha256-<hex>`."""
    return release.replace(":", "-", 1)


def entries(index: Manifest) -> list[Descriptor]:
    """The descriptors of an index; none for anything else that has its tag. Raises ValueError for a garbled one."""
    if index.media_type != INDEX:
        return []
    document = parsed(index.data)
    found = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ValueError("not an index")
    return found


def may_be_statement(entry: Descriptor) -> bool:
    """Whether it isn't said to be something else: older clients leave the type out."""
    return bool(entry.get("artifactType", statements.IN_TOTO) in (*statements.TYPES, statements.EMPTY_TYPE, ""))


def add(client: Client, manifest: bytes) -> None:
    """List a statement, beside all that is listed already."""
    document = json.loads(manifest)
    name, own = tag(document["subject"]["digest"]), _descriptor(document, manifest)
    for round_ in range(ROUNDS):
        there = client.manifest(name)
        if there is not None and there.media_type != INDEX:
            return  # somebody else's: not ours to replace
        listed = entries(there) if there else []
        if any(entry.get("digest") == own["digest"] for entry in listed):
            return
        if round_:
            client.session.pause(random.uniform(0, 0.05 * 2**round_))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, own]}
        client.put_manifest(name, json.dumps(index, separators=(",", ":")).encode(), INDEX)


def _descriptor(document: dict[str, Any], manifest: bytes) -> Descriptor:
    return {
        "mediaType": MANIFEST,
        "artifactType": document["artifactType"],
        "digest": digest_of(manifest),
        "size": len(manifest),
        "annotations": document.get("annotations", {}),
    }
