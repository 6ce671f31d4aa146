"""Releases to put into stores: small files of every kind, and records that fit them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from model_devops.release.evidence import Body, Built
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.record import Identity, Inputs, Origin, Reason, Record
from model_devops.release.registry.store import RegistryRepository, RegistryStore

#: For tests of what every store promises: in a folder, in a registry, and in one that lists referrers.
everywhere = pytest.mark.parametrize("store", ["folder", "plain_registry", "referrers_registry"], indirect=True)

Sources = dict[str, dict[str, Path]]


def reopened(store: OciStore) -> OciStore:
    """The same store as another process sees it."""
    if isinstance(store, LayoutStore):
        return LayoutStore(store.folder)
    assert isinstance(store.repository, RegistryRepository)
    return RegistryStore(store.repository.client.address)


def c1(files: Mapping[str, Path]) -> str:
    """Digest v1 written down a second time, so that the tests don't rest on the code they test."""
    entries = [
        {"path": path, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "size": file.stat().st_size}
        for path, file in sorted(files.items(), key=lambda item: item[0].encode())
    ]
    body = rfc8785.dumps({"files": entries, "ignore": []})
    return "sha256:" + hashlib.sha256(b"model-devops.digest.v1\n" + body).hexdigest()


def write_files(folder: Path, files: Mapping[str, bytes]) -> dict[str, Path]:
    """Write files and return them as an artifact's sources."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


def some_sources(folder: Path, salt: bytes = b"") -> Sources:
    """A model with its data: nested, empty, equal, non-ASCII and long-named files."""
    long = "/".join(["deep" * 10] * 4) + "/end.txt"
    return {
        "model": write_files(folder / "model", {"weights.bin": b"w" * 3000 + salt, "config.json": b"{}"}),
        "dataset": write_files(
            folder / "data", {"a b.csv": b"1,2\n", "größe.csv": b"3\n", "empty": b"", "same": b"1,2\n", long: b"deep"}
        ),
        "code": write_files(folder, {"train.py": b"print()\n"}),
    }


LAYOUT = {"model": "model", "dataset": "data", "code": ""}


def record_for(sources: Sources, version: str = "1.0.0", build_id: str = "build-1", **changes: Any) -> Record:
    """A record whose identity is that of these files."""
    artifacts = {name: c1(files) for name, files in sources.items()}
    fields: dict[str, Any] = {
        "name": "digits",
        "version": version,
        "reasons": [Reason(level="first", text="the first release")],
        "identity": Identity(artifacts=artifacts),
        "inputs": Inputs(artifacts=artifacts),
        "commit": "c" * 40,
        "path": "model.yaml",
        "layout": LAYOUT,
        "origin": Origin(build_id=build_id, time="2026-01-01T00:00:00.000Z"),
    }
    return Record(**(fields | changes))


def built(build_id: str = "build-1", **fields: Any) -> Body:
    """A `built` statement."""
    return Built(id=build_id, time="2026-01-01T00:00:00.000Z", **fields)


def crash_sources(folder: Path) -> Sources:
    """Files that come to raw layers and to a tar layer."""
    many = {f"{number}.txt": b"%d" % number for number in range(100)}
    return {"model": write_files(folder / "model", {"weights.bin": b"w" * 3000}), "dataset": write_files(folder, many)}
