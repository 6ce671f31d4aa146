"""Remotes: their names, and one key for a repository however it is addressed (S1)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A remote of the clone."""

    name: str
    url: str
    """As git uses it: may hold credentials. Show `shown` instead."""
    key: str
    """Host and path without user, scheme, port or `.git`; for a local path its real path."""

    @property
    def shown(self) -> str:
        """The address without credentials."""
        return redact(self.url)


def redact(text: str) -> str:
    """`text` without the credentials in its URLs."""
    text = re.sub(r"\b(https?://)[^/\s@'\"]+@", r"\1***@", text)
    return re.sub(r"(\w+://[^/\s@:'\"]+):[^/\s@'\"]+@", r"\1:***@", text)


def without_login(url: str) -> str:
    """The address without user and password of http; ssh needs its user."""
    return re.sub(r"^(https?://)[^/@]*@", r"\1", url, flags=re.IGNORECASE)


def remote_key(url: str, root: Path) -> str:
    """One key for all addresses of a repository (S1): two clones by ssh and https share it."""
    transport = re.match(r"^[a-z0-9-]+::(.*)$", url, re.DOTALL)
    if transport:
        return remote_key(transport[1], root) if "://" in transport[1] else url
    if url.startswith("file://"):
        return _local(re.sub(r"^file://(localhost)?(?=/)", "", url), root)
    full = re.match(
        r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)(?::\d*)?/(.*)$", url, re.DOTALL | re.IGNORECASE
    )
    short = re.match(r"^(?:[^/@:]*@)?(\[[^\]]*\]|[^/:]+):(.*)$", url, re.DOTALL)
    found = full or short
    return _hosted(found[1], found[2]) if found else _local(url, root)


def _hosted(host: str, path: str) -> str:
    return f"{host.lower()}/{path.strip('/').removesuffix('.git').rstrip('/')}"


def _local(path: str, root: Path) -> str:
    return os.path.realpath(root / os.path.expanduser(path))
