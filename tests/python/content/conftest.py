from mini_project import mini, remote  # noqa: F401  fixtures
