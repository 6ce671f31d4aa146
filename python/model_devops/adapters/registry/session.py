"""Requests to one registry: logged in, tried again with growing pauses, never to another host with our login.

What trying again may help is 429, 5xx, a broken connection and no answer in time; a server's Retry-After is
kept. Everything that is not expected becomes one of our errors, without address lines that may hold tokens.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from model_devops import __version__
from model_devops.adapters import transport
from model_devops.adapters.registry import problems, tls
from model_devops.adapters.registry.address import may_be_plain
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
LONGEST_ANSWER = 300.0
"""Seconds for the whole of a small answer, also where it comes byte by byte."""
LARGEST_ANSWER = 16 << 20
"""Bytes of an answer that is read whole."""
AGAIN = {429, 500, 502, 503, 504}
ATTEMPTS = 7
FIRST = 4
"""Attempts to reach a host that never answered: an address that is wrong is not waited for as long as a restart."""
SILENT = 3
"""Attempts where an answer doesn't come in time: each takes long."""
REDIRECTS = 5
_REDIRECT = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Answer:
    """What came back: read whole, but for a stream that was asked for."""

    status: int
    headers: Mapping[str, str]
    url: str
    """Who answered in the end, after redirects."""
    data: bytes = b""
    stream: BaseHTTPResponse | None = None
    """What is still to be read, to be closed by who asked for it."""


@dataclass
class Session:
    """All requests to one registry go through here, from any thread."""

    host: str
    plain: bool | None = None
    """Whether TLS is left out; None: it is found out before the first request."""
    login: Callable[[str], Login | None] = login_for
    pause: Callable[[float], object] = time.sleep
    count: int = 0
    """How many requests were sent."""
    answered: bool = False
    """Whether it ever did."""
    authority: Authority = field(init=False)
    _pools: dict[str, PoolManager] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.authority = Authority(self.host, self.login)

    @property
    def base(self) -> str:
        """`https://HOST`."""
        name = "registry-1.docker.io" if self.host in ("docker.io", "index.docker.io") else self.host
        if self.plain is None:
            self.plain = tls.is_plain(self.host)
        return f"{'https' if self.plain is False else 'http'}://{name}"

    @property
    def _pool(self) -> PoolManager:
        base = self.base
        if base not in self._pools:
            self._pools[base] = _pool(base, self.host)
        return self._pools[base]

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
        limit: int = LARGEST_ANSWER,
    ) -> Answer:
        """The answer with one of the expected statuses. `path`: below the host, or a whole address.

        With `stream` the body of a success is still to be read. Raises UnreachableError, RefusedError.
        """
        url = self.url(path)

        def send() -> Answer:
            return self._logged_in(method, url, scope, dict(headers or {}), body, stream, limit)

        answer = self._again(send, attempts, set(expected))
        if answer.status not in set(expected):
            raise problems.refused(self.host, answer, self.authority)
        return answer

    def _again(self, send: Callable[[], Answer], attempts: int, fine: set[int]) -> Answer:
        """Send until it is answered with anything but a status of `AGAIN` that isn't fine, or patience ends."""
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                answer = send()
            except transport.failures() as error:
                if last or attempt + 1 >= self._patience(error):
                    raise problems.unreachable(self.host, error) from None
                self.pause(transport.pause(attempt))
                continue
            wait = None if answer.status in fine else self.wait(answer, attempt)
            if last or wait is None:
                return answer
            self.pause(wait)
        raise AssertionError("unreachable")

    def _patience(self, error: Exception) -> int:
        """Attempts after which an error of this kind is final."""
        if not transport.temporary(error):
            return 1
        if not self.answered:
            return FIRST
        return SILENT if transport.silent(error) else ATTEMPTS

    def url(self, path: str, base: str = "") -> str:
        """The whole address. Registries behind a proxy may think that they are spoken to without TLS."""
        try:
            parts, own = urlsplit(urljoin(base or self.base, path)), urlsplit(self.base)
        except ValueError:
            raise self._lost("to an address that is none") from None
        return (parts._replace(scheme=own.scheme) if parts.netloc == own.netloc else parts).geturl()

    def is_own(self, url: str) -> bool:
        """Whether an address is the registry's own, so that it may be told who we are."""
        return _origin(url) == _origin(self.base)

    def wait(self, answer: Answer, attempt: int) -> float | None:
        """Seconds until another attempt; None where none helps."""
        if answer.status not in AGAIN:
            return None
        return transport.wait(answer.headers.get("retry-after", ""), attempt)

    def _logged_in(
        self, method: str, url: str, scope: str, headers: dict[str, str], body: Body, stream: bool, limit: int
    ) -> Answer:
        """One attempt; a challenge of the registry itself is met once."""
        known = self.authority.headers(scope) if self.is_own(url) else {}
        answer = self._redirected(method, url, headers | known, body, stream, limit)
        if answer.status != 401 or "www-authenticate" not in answer.headers or not self.is_own(answer.url):
            return answer
        challenge = answer.headers["www-authenticate"]
        self.authority.answer(challenge, scope, known.get("Authorization"), self._ask)
        return self._redirected(method, url, headers | self.authority.headers(scope), body, stream, limit)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """A question to a token server, which may be another host."""
        return self._again(
            lambda: self._redirected(method, url, dict(headers), body, False, LARGEST_ANSWER), ATTEMPTS, set()
        )

    def _redirected(
        self, method: str, url: str, headers: dict[str, str], body: Body, stream: bool, limit: int
    ) -> Answer:
        """Follow what a registry does to reads of blobs; another host never gets our login."""
        for _ in range(REDIRECTS):
            answer = self._once(method, url, headers, body, stream, limit)
            target = answer.headers.get("location")
            if answer.status not in _REDIRECT or target is None or method not in ("GET", "HEAD"):
                return answer
            there = self.url(target, url)
            if _origin(there) != _origin(url):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = there
        raise self._lost("from address to address")

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body, stream: bool, limit: int) -> Answer:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and may_be_plain(parts.netloc)):
            raise self._lost("to an address without TLS")
        self.count += 1
        sent: Any = body() if callable(body) else body
        answer = self._pool.request(
            method,
            url,
            body=sent,
            headers={"User-Agent": f"model-devops/{__version__}", **headers},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        self.answered = True
        if stream and answer.status < 300:
            return Answer(answer.status, answer.headers, url, stream=answer)
        return Answer(answer.status, answer.headers, url, self._whole(answer, limit))

    def _whole(self, answer: BaseHTTPResponse, limit: int) -> bytes:
        """The body, of which only the beginning matters where something went wrong."""
        data, end = bytearray(), time.monotonic() + LONGEST_ANSWER
        try:
            while piece := answer.read1(min(1 << 20, limit + 1 - len(data))):
                data += piece
                if time.monotonic() > end:
                    raise TimeoutError
        finally:
            answer.close()
            answer.release_conn()
        if len(data) > limit and answer.status < 300:
            raise RefusedError(f"{self.host} sends a document of more than {limit} bytes", kind="too-large")
        return bytes(data)

    def _lost(self, where: str) -> UnreachableError:
        return UnreachableError(f"{self.host} sends us {where}", kind=problems.KIND)


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", url, None


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
        settings["ssl_context"] = tls.trust(host)
    proxy = _proxy(base)
    return urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)


def _proxy(base: str) -> str | None:
    """As HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; never for this machine itself."""
    parts = urlsplit(base)
    if urllib.request.proxy_bypass(parts.netloc) or parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return None
    return urllib.request.getproxies().get(parts.scheme)
