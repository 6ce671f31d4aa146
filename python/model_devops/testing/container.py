"""The container test (`test.container`): the very image that a release names, started, asked and measured."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.config.durations import seconds
from model_devops.config.quantities import cpus, memory
from model_devops.config.types import Serve
from model_devops.deploy.recorded import Recorded
from model_devops.release.record import Image
from model_devops.testing import replay
from model_devops.testing.replay import Replay

if TYPE_CHECKING:
    from model_devops.adapters.containers import Container

PORT = 8080
"""Where the server in the container listens."""
ANSWER = 30.0
"""Seconds for one answer."""
PAUSE = 0.05


@dataclass
class Measured:
    """What the container test found. `problem`: why there are no metrics."""

    metrics: dict[str, float] = field(default_factory=dict)
    problem: str | None = None
    wrong: list[str] = field(default_factory=list)


def ask_for_docker() -> None:
    """Raises UnreachableError (kind `docker`) where no daemon answers."""
    from model_devops.adapters.docker import Daemon

    with Daemon():
        pass


def run(
    image: Image, serve: Serve, model: str | None, environment: dict[str, str], requests: list[Recorded], log: Path
) -> Measured:
    """Start `image` by its digest with the limits of `serve.resources`, wait, compare, replay, measure.

    `model`: the digest that the server must report at `serve.digest`. `log`: where the container's output goes.
    Raises UnreachableError where there is no Docker daemon, or the image can't be had.
    """
    from model_devops.adapters.containers import Limits, Runner, container

    wanted = serve.resources
    limits = Limits(cpus(wanted.cpu), memory(wanted.memory)) if wanted else Limits()
    given = {**serve.env, **environment, "HOST": "0.0.0.0", "PORT": str(PORT)}
    with Runner() as daemon:
        daemon.pull(image.repository, image.digest, image.platform)
        began = time.perf_counter()
        with container(daemon, image.reference, port=PORT, environment=given, limits=limits, log=log) as one:
            problem = _ready(one, serve, began + seconds(serve.start_timeout))
            startup = time.perf_counter() - began
            problem = problem or _other_model(one, serve, model)
            if problem is not None:
                return Measured(problem=_with_last_line(problem, one))
            played = replay.play(requests, lambda request: _send(one, request)) if requests else Replay()
            return _measured(one, played, startup)


def _measured(one: Container, played: Replay, startup: float) -> Measured:
    ended = _ended(one)
    if ended is not None:
        return Measured(problem=_with_last_line(ended, one), wrong=played.wrong)
    figures = played.metrics() if played.latencies else {}
    found = {"startup_s": round(startup, 3), "peak_memory_mb": round(one.most_memory() / 1e6, 3)} | figures
    return Measured(found, wrong=played.wrong)


def _ready(one: Container, serve: Serve, end: float) -> str | None:
    """Wait for readiness; returns why it never came."""
    found = "nothing was asked"
    while time.perf_counter() < end:
        ended = _ended(one)
        if ended is not None:
            return ended
        status, text = _ask(one.port, "GET", serve.ready, None, 2.0)
        if status == 200:
            return None
        found = f"answers {status}" if status else f"gets no answer at $HOST:$PORT, which are 0.0.0.0:{PORT} ({text})"
        time.sleep(PAUSE)
    return f"the container was not ready within {serve.start_timeout}: GET {serve.ready} {found}"


def _with_last_line(problem: str, one: Container) -> str:
    last = one.last_line()
    return f"{problem}; its last line was: {last}" if last else f"{problem}; it wrote nothing"


def _ended(one: Container) -> str | None:
    code = one.ended()
    if code is None:
        return None
    why = " because it wanted more memory than serve.resources.memory gives" if one.killed_for_memory() else ""
    return f"the container ended with exit code {code}{why}"


def _other_model(one: Container, serve: Serve, model: str | None) -> str | None:
    if serve.digest is None or model is None:
        return None
    _, text = _ask(one.port, "GET", serve.digest, None, ANSWER)
    try:
        said = json.loads(text)["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{serve.digest} does not say what the server has loaded: {text.strip()[:100]}"
    return (
        None if said == model else f"the server in the container has loaded {said}, and the release's model is {model}"
    )


def _send(one: Container, request: Recorded) -> tuple[int, str]:
    body = None if request.json is None else json.dumps(request.json).encode()
    return _ask(one.port, request.method, request.path, body, ANSWER)


def _ask(port: int, method: str, path: str, body: bytes | None, timeout: float) -> tuple[int, str]:
    """Status and text of an answer; 0 and why where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()
