"""Who does something to an environment, as revisions and evidence record it."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass

from model_devops.adapters.ci import Build


@dataclass(frozen=True)
class Actor:
    """A person or a CI build."""

    by: str | None
    origin: str
    """`jenkins`, `ci` or `cli` (A1)."""
    url: str | None
    commit: str | None = None

    @property
    def holder(self) -> str:
        """The name under which the environment is held: the build's address, else the person's (D3)."""
        return self.url or f"{self.by} on {socket.gethostname()} (process {os.getpid()})"


def acting(build: Build, commit: str | None = None) -> Actor:
    """Who runs this program: the one who started the CI build, else the operating system's user."""
    if build.ci == "none":
        return Actor(_user(), "cli", build.url, commit)
    origin = "jenkins" if build.ci == "jenkins" else "ci"
    return Actor(build.actor or build.job or build.ci, origin, build.url, commit)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
