"""Recorded requests (`test.requests`), sent again and again: what the answers come to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from model_devops.deploy.recorded import Recorded, wrong

#: The list is sent again until so many were answered, or so many seconds have passed: three make no percentile.
ENOUGH, LONG = 100, 30.0
#: Requests before the first that is measured: what a server loads or compiles at first is not its latency.
WARM_UP = 3
SHOWN = 5
"""Wrong answers that the report names."""


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


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent don't exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0
