"""The small project that the verb is tried on."""

from mini_project import mini, remote  # noqa: F401  fixtures
