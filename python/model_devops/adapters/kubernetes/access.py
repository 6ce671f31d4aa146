"""The way to a cluster: connections that are kept, and credentials that are asked for again when they expire."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from model_devops import notices
from model_devops.adapters.kubernetes.kubeconfig import File, Pod

if TYPE_CHECKING:
    from kubernetes.client.configuration import Configuration
    from urllib3 import PoolManager


@dataclass(frozen=True, repr=False)
class Way:
    """Address, TLS and credentials as they were read at one time."""

    configuration: Configuration
    pool: PoolManager
    headers: Mapping[str, str]
    """What tells the cluster who we are, where it isn't a certificate."""

    @property
    def base(self) -> str:
        """Scheme, host and, behind a gateway, the beginning of each path."""
        return str(self.configuration.host).rstrip("/")


@dataclass(repr=False)
class Access:
    """Gives the way that is known to work. From any thread."""

    source: Pod | File
    _way: Way | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _warned: bool = False

    def way(self) -> Way:
        """The way as it was last read. Raises UsageError, RefusedError."""
        with self._lock:
            if self._way is None:
                self._way = self._read()
            return self._way

    def renewed(self, refused: Way) -> Way:
        """Another way than the one whose credentials were refused: read anew, once for all threads."""
        with self._lock:
            if self._way is None or self._way is refused:
                self._way = self._read()
            return self._way

    @property
    def host(self) -> str:
        """Where the cluster is, for people."""
        return f"{urlsplit(self._way.base).netloc} ({self.source.label})" if self._way else self.source.label

    def without_secrets(self, words: str) -> str:
        """Words of a server that may repeat what it was told."""
        for value in self._way.headers.values() if self._way else ():
            words = words.replace(value.partition(" ")[2] or value, "***")
        return words

    def _read(self) -> Way:
        from kubernetes.client.rest import RESTClientObject

        configuration = self.source.load()
        if not configuration.verify_ssl:
            self._warn()
        pool = RESTClientObject(configuration).pool_manager
        keys: Any = configuration.auth_settings().values()
        return Way(configuration, pool, {key["key"]: key["value"].strip() for key in keys if key["value"]})

    def _warn(self) -> None:
        from urllib3 import disable_warnings
        from urllib3.exceptions import InsecureRequestWarning

        disable_warnings(InsecureRequestWarning)
        if not self._warned:
            notices.warn(f"the certificate of the cluster isn't checked ({self.source.label} says so)")
        self._warned = True
