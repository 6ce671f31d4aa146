"""A store, the files of a release, and a short way from one to the other."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mini_project import mini, remote  # noqa: F401  fixtures
from model_devops.adapters.registry.address import parse
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.registry.store import RegistryStore
from model_devops.release.store import Stored
from registries import plain_registry, referrers_registry  # noqa: F401  fixtures
from release_samples import LAYOUT, Sources, built, record_for, some_sources

_numbers = itertools.count()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OciStore:
    """An empty store: a folder, or what the test names (see `everywhere`)."""
    kind = getattr(request, "param", "folder")
    if kind == "folder":
        return LayoutStore(tmp_path / "store" / "digits")
    host = request.getfixturevalue(kind)
    return RegistryStore(parse(f"oci://{host}/team/digits{next(_numbers)}"))


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """The files of one release."""
    return some_sources(tmp_path / "work")


@pytest.fixture
def put(store: OciStore, sources: Sources) -> Callable[..., Stored]:
    """Store and name a release of `sources` (or others), with its `built` evidence."""

    def release(version: str = "1.0.0", files: Sources | None = None, **changes: Any) -> Stored:
        files = sources if files is None else files
        record = record_for(files, version, **changes)
        stored = store.name(store.put_files(files, LAYOUT), record)
        store.add_evidence(stored.digest, built(record.origin.build_id))
        return stored

    return release
