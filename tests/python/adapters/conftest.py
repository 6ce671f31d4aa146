"""Real registries and a real cluster for the tests of their clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster, cluster, namespace, python_image, restricted_namespace  # noqa: F401  fixtures
from cluster_line import Line, line_to
from registries import plain_registry, referrers_registry  # noqa: F401  fixtures


@pytest.fixture
def line(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Line]:  # noqa: F811
    with line_to(cluster, namespace, tmp_path) as found:
        yield found
