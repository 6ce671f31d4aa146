"""The small project that tests are tried on."""

from mini_project import mini, remote  # noqa: F401  fixtures
