"""What happens inside of pods: their logs, and commands run in their containers."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from model_devops.adapters import transport
from model_devops.adapters.kubernetes import problems
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.refusals import NoProgramError, NotRunningError
from model_devops.adapters.kubernetes.streams import Stream, opened, pod_path
from model_devops.errors import ModelDevopsError, UnreachableError

LIMIT = 1 << 20
"""Bytes of each stream of a command, and of a log."""
LINES = 1000
_STDIN, _STDOUT, _STDERR, _ERROR = range(4)
_LOG_ATTEMPTS = 3
"""A log is looked at where something went wrong already: a node that is away is not waited for."""
_NO_PROGRAM = ("executable file not found", "no such file or directory", "permission denied", "exec format error")


class Executed(NamedTuple):
    """How a command ended and what it wrote, up to the limit."""

    code: int
    stdout: bytes
    stderr: bytes
    cut: bool
    """There was more."""


def logs(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    *,
    previous: bool = False,
    lines: int = LINES,
    limit: int = LIMIT,
) -> str | None:
    """The last lines that a container wrote (`previous`: the one before its restart), or None where there are none.

    That is so also where the pod is gone. Of these lines the first `limit` bytes. Raises what `Cluster` raises.
    """
    query = [("container", container), ("tailLines", str(lines)), ("limitBytes", str(limit))]
    answer = cluster.session.request(
        "GET",
        pod_path(namespace, pod, "log"),
        query=[*query, *((("previous", "true"),) if previous else ())],
        fine=(400, 404),
        attempts=_LOG_ATTEMPTS,
    )
    return answer.data.decode("utf-8", "replace") if answer.status < 300 else None


def execute(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout: float,
    limit: int = LIMIT,
) -> Executed:
    """Run a command in a container. `timeout`: seconds for all of it. `stdin`: a script, since it is sent first.

    Raises NoProgramError, NotRunningError, UnreachableError (kind `timeout`, `cluster`), and what `Cluster` raises. A
    command that took too long goes on in the container: Kubernetes has no way to end it. `stdin` needs Kubernetes 1.30.
    """
    given = None if stdin is None else [stdin]
    return _executed(cluster, namespace, pod, container, argv, given, timeout, _Written(limit))


def fed(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    stdin: Iterable[bytes],
    *,
    timeout: float,
    limit: int = LIMIT,
) -> Executed:
    """The same with as much input as there is; a command that reads it slowly is waited for. It must write little."""
    return _executed(cluster, namespace, pod, container, argv, stdin, timeout, _Written(limit))


def streamed(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    stdin: bytes,
    into: Callable[[bytes], object],
    *,
    timeout: float,
) -> Executed:
    """The same with as much output as there is, handed on piece by piece. `timeout`: seconds without any of it."""
    written = _Streamed(LIMIT, into, timeout)
    try:
        return _executed(cluster, namespace, pod, container, argv, [stdin], timeout, written)
    except _NotTakenError as error:
        raise error.cause from None


def _executed(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    stdin: Iterable[bytes] | None,
    timeout: float,
    written: _Written,
) -> Executed:
    query = [("container", container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] * (stdin is not None) + [("command", word) for word in argv]
    protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"][: 1 if stdin is not None else 2]
    try:
        path = pod_path(namespace, pod, "exec")
        with opened(cluster.session, path, query, protocols, time.monotonic() + timeout) as stream:
            if stdin is not None:
                for piece in stdin:
                    stream.send(_STDIN, piece)
                stream.end(_STDIN)
            written.read(stream)
    except TimeoutError:
        raise UnreachableError(
            f"{_named(pod, container, argv)} did not end within {timeout:g} s", kind="timeout"
        ) from None
    except OSError as error:
        words = f"the connection to {_named(pod, container, argv)} broke off ({transport.word(error)})"
        raise UnreachableError(words, kind=problems.KIND) from None
    return Executed(
        _code(bytes(written.end), pod, container, argv), bytes(written.stdout), bytes(written.stderr), written.cut
    )


@dataclass
class _Written:
    limit: int
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    end: bytearray = field(default_factory=bytearray)
    """How it ended, in the cluster's words."""
    cut: bool = False

    def read(self, stream: Stream) -> None:
        """Until the end."""
        while (found := stream.receive()) is not None:
            self.keep(stream, *found)

    def keep(self, _: Stream, channel: int, data: bytes) -> None:
        """What is over the limit is not kept."""
        kept = {_STDOUT: self.stdout, _STDERR: self.stderr, _ERROR: self.end}
        if channel in kept:
            left = self.limit - len(kept[channel])
            kept[channel].extend(data[: max(0, left)])
            self.cut = self.cut or len(data) > left


class _NotTakenError(Exception):
    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Streamed(_Written):
    def __init__(self, limit: int, into: Callable[[bytes], object], patience: float) -> None:
        super().__init__(limit)
        self._into, self._patience = into, patience

    def keep(self, stream: Stream, channel: int, data: bytes) -> None:
        """Output is handed on, and shows that the other side is alive."""
        if channel != _STDOUT:
            super().keep(stream, channel, data)
            return
        try:
            self._into(data)
        except OSError as error:  # a full disk here is no broken connection
            raise _NotTakenError(error) from error
        stream.deadline = time.monotonic() + self._patience


def _code(end: bytes, pod: str, container: str, argv: Sequence[str]) -> int:
    """The exit code. Raises what its absence means."""
    try:
        status: dict[str, Any] = json.loads(end)
        causes = {
            cause.get("reason"): cause.get("message") for cause in (status.get("details") or {}).get("causes", [])
        }
        if status["status"] == "Success":
            return 0
        if status.get("reason") == "NonZeroExitCode":
            return int(causes["ExitCode"])
        words = str(status["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        words = "the connection ended before it did"
    raise _not_run(words, pod, container, argv)


def _not_run(words: str, pod: str, container: str, argv: Sequence[str]) -> ModelDevopsError:
    if problems.stopped(words):
        return NotRunningError(f"container {container} of pod {pod} isn't running")
    if any(part in words for part in _NO_PROGRAM):
        return NoProgramError(
            f"container {container} of pod {pod} can't run {argv[0]}: {words.rpartition('exec: ')[2]}"
        )
    return UnreachableError(f"{_named(pod, container, argv)} was not run: {words}", kind=problems.KIND)


def _named(pod: str, container: str, argv: Sequence[str]) -> str:
    words = shlex.join(argv)
    return f"`{words[:80]}{'…' if len(words) > 80 else ''}` in container {container} of pod {pod}"
