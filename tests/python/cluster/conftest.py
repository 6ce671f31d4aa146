"""The cluster that these tests are about."""

from cluster import (  # noqa: F401  fixtures
    cluster,
    namespace,
    own_cluster,
    python_image,
    restricted_namespace,
    static_image,
)
from deployed import deployed  # noqa: F401  fixture
