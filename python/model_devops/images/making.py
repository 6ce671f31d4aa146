"""Makes the image of a release, in the way that model.yaml names."""

from __future__ import annotations

from pathlib import Path

from model_devops.adapters.registry.client import Client
from model_devops.config.types import Serve
from model_devops.images.contents import Contents
from model_devops.images.wanted import Wanted
from model_devops.release.record import Image


def prepare(wanted: Wanted) -> None:
    """Whatever can be known before there is anything to lose: whether we may write, whether there is a daemon.

    Raises RefusedError, UnreachableError.
    """
    Client.open(wanted.repository).try_writing()
    if wanted.dockerfile is not None:
        from model_devops.adapters.docker import Daemon

        with Daemon():
            pass


def make(wanted: Wanted, contents: Contents, serve: Serve | None, log: Path) -> Image:
    """Make the image and push it by digest. Raises FailedError, RefusedError, UnreachableError."""
    if wanted.dockerfile is not None:
        from model_devops.images.docker_build import build

        return build(wanted, contents, log)
    from model_devops.images.append import append

    assert serve is not None, "config/package_rules.py asks for it"
    return append(wanted, contents, serve)
