"""A store, the files of a release, and a short way from one to the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_devops.release.layout import LayoutStore
from model_devops.release.store import Stored
from release_samples import LAYOUT, Sources, built, record_for, some_sources


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    """An empty store."""
    return LayoutStore(tmp_path / "store" / "digits")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """The files of one release."""
    return some_sources(tmp_path / "work")


@pytest.fixture
def put(store: LayoutStore, sources: Sources) -> Callable[..., Stored]:
    """Store and name a release of `sources` (or others), with its `built` evidence."""

    def release(version: str = "1.0.0", files: Sources | None = None, **changes: Any) -> Stored:
        files = sources if files is None else files
        record = record_for(files, version, **changes)
        stored = store.name(store.put_files(files, LAYOUT), record)
        store.add_evidence(stored.digest, built(record.origin.build_id))
        return stored

    return release
