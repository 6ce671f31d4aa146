"""Requests to one registry: logged in, tried again with growing pauses, never to another host with our login.

What trying again may help is 429, 5xx, a broken connection and no answer in time; a server's Retry-After is
kept. Everything that is not expected becomes one of our errors, without address lines that may hold tokens.
"""

from __future__ import annotations

import os
import random
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from model_devops import __version__
from model_devops.adapters.registry import problems
from model_devops.adapters.registry.auth import Authority
from model_devops.adapters.registry.credentials import Login, login_for
from model_devops.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Body = bytes | Callable[[], Iterable[bytes]] | None
"""What is sent; a function makes it anew for each attempt."""

CONNECTIONS = 8
CONNECT, READ = 10.0, 120.0
"""Seconds for reaching the host, and between two pieces of an answer (registries hash whole blobs before one)."""
AGAIN = {429, 500, 502, 503, 504}
ATTEMPTS = 7
FIRST = 4
"""Attempts to reach a host that never answered: an address that is wrong is not waited for as long as a restart."""
LONGEST_PAUSE = 60.0
"""Seconds; who asks us to wait longer is given up."""
REDIRECTS = 5


@dataclass
class Session:
    """All requests to one registry go through here, from any thread."""

    host: str
    plain: bool
    login: Callable[[str], Login | None] = login_for
    pause: Callable[[float], object] = time.sleep
    count: int = 0
    """How many requests were sent."""
    answered: bool = False
    """Whether it ever did."""
    authority: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority(self.host, self.plain, self.login)

    @property
    def base(self) -> str:
        """`https://HOST`."""
        name = "registry-1.docker.io" if self.host in ("docker.io", "index.docker.io") else self.host
        return f"{'http' if self.plain else 'https'}://{name}"

    @cached_property
    def _pool(self) -> PoolManager:
        return _pool(self.base, self.host)

    def request(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        expected: Iterable[int],
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        stream: bool = False,
        attempts: int = ATTEMPTS,
    ) -> BaseHTTPResponse:
        """The answer with one of the expected statuses. `path`: below the host, or a whole address of it.

        With `stream` its body is still to be read, and it must be closed. Raises UnreachableError, RefusedError.
        """
        url = self.url(path)
        for attempt in range(attempts):
            try:
                answer = self._logged_in(method, url, scope, dict(headers or {}), body, stream)
            except problems.transport() as error:
                patience = attempts if self.answered else min(attempts, FIRST)
                if attempt >= patience - 1 or not problems.temporary(error):
                    raise problems.unreachable(self.host, error) from None
                self.pause(pause(attempt))
                continue
            if answer.status in set(expected):
                return answer
            wait = self._wait(answer, attempt)
            if attempt == attempts - 1 or wait is None:
                raise problems.refused(self.host, answer, self.authority)
            answer.release_conn()
            self.pause(wait)
        raise AssertionError("unreachable")

    def document(self, path: str, scope: str, headers: Mapping[str, str], limit: int) -> tuple[BaseHTTPResponse, bytes]:
        """What lies at a path (200 or 404), up to `limit` bytes. Raises RefusedError for more."""
        for attempt in range(ATTEMPTS):
            with self.request("GET", path, scope, expected=[200, 404], headers=headers, stream=True) as answer:
                try:
                    data = answer.read(limit + 1)
                except problems.transport() as error:
                    if attempt == ATTEMPTS - 1:
                        raise problems.unreachable(self.host, error) from None
                    self.pause(pause(attempt))
                    continue
            if len(data) > limit:
                raise RefusedError(f"{self.host} sends a document of more than {limit} bytes", kind="too-large")
            return answer, data
        raise AssertionError("unreachable")

    def url(self, path: str) -> str:
        """The whole address. Registries behind a proxy may think that they are spoken to without TLS."""
        parts = urlsplit(urljoin(self.base, path))
        own = urlsplit(self.base)
        return (parts._replace(scheme=own.scheme) if parts.netloc == own.netloc else parts).geturl()

    def _wait(self, answer: BaseHTTPResponse, attempt: int) -> float | None:
        """Seconds until another attempt; None where none helps."""
        if answer.status not in AGAIN:
            return None
        asked = problems.retry_after(answer)
        if asked is None:
            return pause(attempt)
        return asked + random.uniform(0, 0.5) if asked <= LONGEST_PAUSE else None

    def _logged_in(
        self, method: str, url: str, scope: str, headers: dict[str, str], body: Body, stream: bool
    ) -> BaseHTTPResponse:
        """One attempt; a challenge is met once."""
        own = urlsplit(url)[:2] == urlsplit(self.base)[:2]
        known = self.authority.headers(scope) if own else {}
        answer = self._redirected(method, url, headers | known, body, stream)
        if answer.status != 401 or "www-authenticate" not in answer.headers or not own:
            return answer
        answer.drain_conn()
        challenge = answer.headers["www-authenticate"]
        self.authority.answer(challenge, scope, known.get("Authorization"), self._ask)
        return self._redirected(method, url, headers | self.authority.headers(scope), body, stream)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> BaseHTTPResponse:
        """A question to a token server, which may be another host."""
        return self._redirected(method, url, dict(headers), body, False)

    def _redirected(self, method: str, url: str, headers: dict[str, str], body: Body, stream: bool) -> BaseHTTPResponse:
        """Follow what a registry does to reads of blobs; another host never gets our login."""
        for _ in range(REDIRECTS):
            answer = self._once(method, url, headers, body, stream)
            target = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or target is None or method not in ("GET", "HEAD"):
                return answer
            answer.drain_conn()
            there = urljoin(url, target)
            if urlsplit(there)[:2] != urlsplit(url)[:2]:
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            if urlsplit(there).scheme != "https" and not self.plain:
                raise UnreachableError(f"{self.host} sends us to an address without TLS", kind="registry")
            url = there
        raise UnreachableError(f"{self.host} sends us from address to address", kind="registry")

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body, stream: bool) -> BaseHTTPResponse:
        self.count += 1
        sent: Any = body() if callable(body) else body
        answer = self._pool.request(
            method,
            url,
            body=sent,
            headers={"User-Agent": f"model-devops/{__version__}", **headers},
            redirect=False,
            retries=False,
            preload_content=not stream,
            decode_content=False,
        )
        self.answered = True
        return answer


def pause(attempt: int) -> float:
    """Seconds before the next attempt: growing, and never the same for two clients."""
    return min(LONGEST_PAUSE, 0.5 * 2.0**attempt) * random.uniform(0.5, 1)


def _pool(base: str, host: str) -> PoolManager:
    import urllib3

    settings: dict[str, Any] = {
        "num_pools": 10,
        "maxsize": CONNECTIONS,
        "block": True,
        "timeout": urllib3.Timeout(connect=CONNECT, read=READ),
        "blocksize": 1 << 20,
    }
    if base.startswith("https"):
        settings["ssl_context"] = _trust(host)
    proxy = _proxy(base)
    return urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)


def _proxy(base: str) -> str | None:
    """As HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; never for this machine itself."""
    parts = urlsplit(base)
    if urllib.request.proxy_bypass(parts.netloc) or parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _trust(host: str) -> ssl.SSLContext:
    """The machine's authorities (SSL_CERT_FILE, SSL_CERT_DIR), and those that Docker keeps for this registry."""
    context = ssl.create_default_context()
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    folder = Path("/etc/docker/certs.d") / host
    for file in [*([Path(bundle)] if bundle else []), *(sorted(folder.glob("*.crt")) if folder.is_dir() else [])]:
        try:
            context.load_verify_locations(file if file.is_file() else None, file if file.is_dir() else None)
        except (OSError, ssl.SSLError) as error:
            raise problems.untrusted(file, error) from None
    return context
