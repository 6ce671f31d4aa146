"""Recorded requests (`test.requests`, JSON lines) and what their answers come to."""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from model_devops.config.types import Smoke
from model_devops.deploy import smoke
from model_devops.errors import Problem, UsageError

#: The list is sent again until so many were answered, or so many seconds have passed: three make no percentile.
ENOUGH, LONG = 100, 30.0
#: Requests before the first that is measured: what a server loads or compiles at first is not its latency.
WARM_UP = 3
MOST_PROBLEMS = 20
"""After so many the rest of a file is of no help."""
SHOWN = 5
"""Wrong answers that the report names."""


class Recorded(Smoke, frozen=True):
    """One request: as `serve.smoke`, and how far numbers of the answer may be off."""

    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 0.0


Send = Callable[[Recorded], tuple[int, str]]
"""Status and text of the answer; status 0 where there was none."""


@dataclass
class Replay:
    """What the answers came to."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, of all answers."""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """What was wrong, by request: each counts once, whenever it was first answered otherwise than expected."""

    def metrics(self) -> dict[str, float]:
        """Latencies in milliseconds, requests a second (one after the other), wrong answers."""
        ordered = sorted(self.latencies)
        found: dict[str, float] = {
            f"latency_p{percent}_ms": round(_percentile(ordered, percent) * 1000, 3) for percent in (50, 95, 99)
        }
        return found | {
            "requests_per_second": round(len(ordered) / self.seconds, 3) if self.seconds else 0.0,
            "requests": float(len(ordered)),
            "wrong_answers": float(len(self.wrong)),
        }


def read(data: bytes, name: str) -> list[Recorded]:
    """The requests of a file. Raises UsageError with all lines that are none."""
    found: list[Recorded] = []
    problems: list[Problem] = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=Recorded))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems += [problem._replace(line=number) for problem in _problems(line, name, str(error))]
        if len(problems) >= MOST_PROBLEMS:
            break
    if not found and not problems:
        problems = [Problem("holds no request", file=name)]
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise UsageError(
            f"test.requests: {name} has {count}",
            kind="requests",
            problems=problems,
            hint='one a line, as in serve.smoke, for example {"path": "/predict", "json": [1], "method": "POST"}',
        )
    return found


def _problems(line: bytes, name: str, otherwise: str) -> list[Problem]:
    """What is wrong with a line, in the words that model.yaml's mistakes have; `otherwise` where it is no JSON."""
    from model_devops.config.compose import Malformed, compose
    from model_devops.config.places import Places
    from model_devops.config.shape import TooMany, Walker

    walker = Walker(Places(name))
    walker.schema = msgspec.json.schema(Recorded)
    with contextlib.suppress(Malformed, TooMany, ValueError):
        json.loads(line)
        walker.document(compose(line))
    return walker.problems or [Problem(otherwise, file=name)]


def play(requests: Sequence[Recorded], send: Send, clock: Callable[[], float] = time.perf_counter) -> Replay:
    """Send the requests one after the other, in their order, as often as it takes to measure anything."""
    for request in list(requests)[:WARM_UP]:
        send(request)
    replay, began = Replay(), clock()
    found: dict[int, str] = {}
    while not replay.latencies or (len(replay.latencies) < ENOUGH and clock() - began < LONG):
        for number, request in enumerate(requests, start=1):
            before = clock()
            status, text = send(request)
            replay.latencies.append(clock() - before)
            if problems := wrong(request, status, text):
                found.setdefault(number, f"request {number}: {problems[0]}")
    replay.seconds = clock() - began
    replay.wrong = [text for _, text in sorted(found.items())]
    return replay


def wrong(request: Recorded, status: int, text: str) -> list[str]:
    """What is wrong with an answer, numbers within the tolerance aside."""
    if request.tolerance and status == request.status:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return smoke.wrong(request, status, text)
        return smoke.wrong(request, status, json.dumps(_near(request.expect, found, request.tolerance)))
    return smoke.wrong(request, status, text)


def _near(expected: Any, found: Any, tolerance: float) -> Any:
    """The answer, with those numbers that are near enough as they are expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {name: _near(expected.get(name), value, tolerance) for name, value in found.items()}
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [_near(one, other, tolerance) for one, other in zip(expected, found, strict=True)]
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (expected, found))
    return expected if numbers and math.isclose(expected, found, rel_tol=0, abs_tol=tolerance) else found


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent don't exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0
