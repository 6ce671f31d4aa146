"""Real registries for the tests of their client."""

from registries import plain_registry, referrers_registry  # noqa: F401  fixtures
