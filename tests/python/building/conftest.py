"""The small project that builds are tried on."""

from mini_project import mini, remote  # noqa: F401  fixtures
