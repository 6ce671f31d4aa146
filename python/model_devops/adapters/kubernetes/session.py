"""Requests to one cluster: bounded in time, tried again with growing pauses, counted.

What trying again may help is 429, 5xx, a broken connection and no answer in time. A conflict (409) never is: only who
knows what was meant can tell whether it is still right. So a `create` that is tried again after its answer was lost
ends with ExistsError, and a `replace` with ChangedError.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from model_devops import __version__, notices
from model_devops.adapters import transport
from model_devops.adapters.documents import parsed
from model_devops.adapters.kubernetes import problems
from model_devops.adapters.kubernetes.access import Access, Way
from model_devops.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CONNECT, READ = 5.0, 30.0
"""Seconds for reaching the cluster, and between two pieces of an answer."""
LONGEST_ANSWER = 120.0
"""Seconds for the whole of an answer, also where it comes byte by byte."""
LARGEST_ANSWER = 256 << 20
"""Bytes of an answer that is read."""
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
UNGUARDED = "leases"
"""What a guard itself has to write."""
AGAIN = {429, 500, 502, 503, 504}
ATTEMPTS = 9
"""With the pauses between them, about a minute: as long as an API server takes to come back."""
FIRST = 4
"""Attempts to reach a cluster that never answered: an address that is wrong is not waited for as long as a restart."""
SILENT = 3
"""Attempts where an answer doesn't come in time: each takes long."""
PAUSE = 15.0
"""Seconds; the longest pause of our own."""
Query = Sequence[tuple[str, str]]
Send = Callable[[Way], "Answer"]
"""One attempt, over the way that is known to work."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    stream: Any = None
    """The open connection, where one was asked for."""

    def json(self) -> dict[str, Any]:
        """The object that it holds. Raises UnreachableError where it is none, as from a proxy in between."""
        try:
            document = parsed(self.data)
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        raise UnreachableError("what answers for the cluster sends no JSON", kind=problems.KIND)


@dataclass
class Session:
    """All requests to one cluster go through here, from any thread."""

    access: Access
    pause: Callable[[float], object] = time.sleep
    count: int = 0
    """How many requests were sent."""
    answered: bool = False
    """Whether it ever did."""
    guard: Callable[[], None] | None = None
    """Asked before a write is tried again, which may be a minute after its first try; raises where it may not be."""
    _said: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        fine: tuple[int, ...] = (),
        about: str = "",
        attempts: int = ATTEMPTS,
    ) -> Answer:
        """The answer if it is a success, or of one of the statuses that are fine. Raises what `problems` says.

        `about`: the object, for people, where the cluster doesn't name it.
        """
        whole = path + (f"?{urlencode(query)}" if query else "")

        def send(way: Way) -> Answer:
            return self._once(way, method, whole, body, headers or {})

        def may() -> None:
            if self.guard is not None and method in WRITES and f"/{UNGUARDED}/" not in path:
                self.guard()

        answer = self._again(send, attempts, math.inf, may)
        if answer.status >= 300 and answer.status not in fine:
            raise problems.refused(self.access, answer, about)
        self._warn(answer)
        return answer

    @contextlib.contextmanager
    def guarded(self, guard: Callable[[], None]) -> Iterator[None]:
        """Until the end of the block no write is tried again that the guard doesn't let through."""
        self.guard = guard
        try:
            yield
        finally:
            self.guard = None

    def upgrade(self, connect: Send, deadline: float) -> Answer:
        """The answer with a stream that `connect` gives, once it is no refusal; `deadline` by time.monotonic()."""
        answer = self._again(connect, ATTEMPTS, deadline)
        if answer.stream is None:
            raise problems.refused(self.access, answer)
        return answer

    def _again(self, send: Send, attempts: int, deadline: float, may: Callable[[], None] = lambda: None) -> Answer:
        """Send until it is answered with anything that is final, or patience ends. `may` raises where it mustn't be."""
        for attempt in range(attempts):
            if attempt:
                may()
            over = time.monotonic() > deadline or attempt + 1 == attempts
            try:
                answer = self._logged_in(send)
            except transport.failures() as error:
                if over or attempt + 1 >= self._patience(error):
                    raise problems.unreachable(self.access, error) from None
                wait = transport.pause(attempt, PAUSE)
            else:
                asked = self._wait(answer, attempt)
                if over or asked is None:
                    return answer
                wait = asked
            self.pause(min(wait, max(0.0, deadline - time.monotonic())))
        raise AssertionError("unreachable")

    def _patience(self, error: Exception) -> int:
        """Attempts after which an error of this kind is final."""
        if not transport.temporary(error):
            return 1
        if not self.answered:
            return FIRST
        return SILENT if transport.silent(error) else ATTEMPTS

    @staticmethod
    def _wait(answer: Answer, attempt: int) -> float | None:
        """Seconds until another attempt; None where none helps."""
        if answer.status not in AGAIN or problems.final(answer):
            return None
        return transport.wait(answer.headers.get("retry-after", ""), attempt, PAUSE)

    def _logged_in(self, send: Send) -> Answer:
        """One attempt; credentials that are refused are asked for once more, since they may have expired."""
        way = self.access.way()
        answer = self._counted(send, way)
        return self._counted(send, self.access.renewed(way)) if answer.status == 401 else answer

    def _counted(self, send: Send, way: Way) -> Answer:
        with self._lock:
            self.count += 1
        answer = send(way)
        self.answered = True
        return answer

    @staticmethod
    def _once(way: Way, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        from urllib3 import Timeout
        from urllib3.exceptions import ProtocolError

        answer = way.pool.request(
            method,
            way.base + path,
            body=body,
            headers={"User-Agent": AGENT, "Accept": "application/json", **way.headers, **headers},
            timeout=Timeout(connect=CONNECT, read=READ),
            retries=False,
            preload_content=False,
        )
        data = _whole(answer)
        if "json" in answer.headers.get("content-type", "") and not data.rstrip().endswith(b"}"):
            raise ProtocolError("the answer was cut off")  # and no length told it
        return Answer(answer.status, answer.headers, data)

    def _warn(self, answer: Answer) -> None:
        """Say once what the cluster warns of: versions of its API that end, pods that its rules will refuse."""
        for words in problems.warnings(answer):
            if words not in self._said:
                self._said.add(words)
                notices.warn(f"the cluster warns: {words}")


AGENT = f"model-devops/{__version__}"


def _whole(answer: BaseHTTPResponse) -> bytes:
    data, end = bytearray(), time.monotonic() + LONGEST_ANSWER
    try:
        while piece := answer.read1(1 << 20):
            data += piece
            if time.monotonic() > end:
                raise TimeoutError
            if len(data) > LARGEST_ANSWER:
                raise RefusedError(f"the cluster sends more than {LARGEST_ANSWER} bytes", kind="too-large")
    except BaseException:
        answer.close()
        raise
    answer.release_conn()
    return bytes(data)
