"""Watching what serves for a while before a rollout counts as verified (`verify` of an environment, D13).

Each server is looked at itself, with no Service in between: readiness, starts, its answers to the smoke requests and
to recorded ones, and the metrics that it gives. What can't get better any more ends the window at once.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from model_devops.adapters.answers import Answer
from model_devops.config.durations import seconds
from model_devops.config.types import Limit, Smoke, Verify
from model_devops.config.verify_rules import COUNTS, METRICS
from model_devops.deploy.recorded import wrong

MOST = 20_000
"""Latencies of a server that are kept: of more, a random choice of so many."""
AT_ONCE = 20
"""Recorded requests that a server is asked at one look: the next ones at the next."""
PERCENTS = (50, 95, 99)
NONE = Limit(max=0)
Ask = Callable[[str, str, object], Answer]
"""Method, path and body of a request to one server."""


@dataclass(frozen=True)
class Sample:
    """One look at one server."""

    server: str
    ready: bool
    restarts: int
    latencies: list[float] = field(default_factory=list)
    """Seconds, of the answers."""
    wrong: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class _Server:
    """All looks at one server."""

    been_ready: bool
    """One that comes while others are watched, as an autoscaler wants, is looked at from when it is ready first."""
    counts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0.0))
    latencies: list[float] = field(default_factory=list)
    answers: int = 0
    first: dict[str, float] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    said: str = ""
    """The first wrong answer."""

    def add(self, sample: Sample) -> None:
        started = self.first.setdefault("", sample.restarts)  # what came before the window is no part of it
        self.counts["restarts"] = max(self.counts["restarts"], sample.restarts - started)
        self.been_ready = self.been_ready or sample.ready
        if self.been_ready:
            self._add(sample)

    def _add(self, sample: Sample) -> None:
        self.counts["wrong_answers"] += len(sample.wrong)
        self.counts["not_ready"] += not sample.ready
        self.said = self.said or next(iter(sample.wrong), "")
        for latency in sample.latencies:
            self._keep(latency)
        for name, value in sample.metrics.items():
            # A counter says since when nobody knows: what it grew by is of this window.
            grown = value - self.first.setdefault(name, value) if name.endswith("_total") else value
            self.low[name] = min(grown, self.low.get(name, math.inf))
            self.high[name] = max(grown, self.high.get(name, -math.inf))

    def _keep(self, latency: float) -> None:
        """Algorithm R (Vitter 1985): memory doesn't grow with the window."""
        self.answers += 1
        if len(self.latencies) < MOST:
            self.latencies.append(latency)
        elif (place := random.randrange(self.answers)) < MOST:
            self.latencies[place] = latency

    def figures(self) -> dict[str, float]:
        """By name; of metrics the highest."""
        ordered = sorted(self.latencies)
        found = dict(self.counts)
        for percent in PERCENTS if ordered else ():
            at = max(0, math.ceil(len(ordered) * percent / 100) - 1)
            found[f"latency_p{percent}_ms"] = round(ordered[at] * 1000, 3)
        return found | {METRICS + name: value for name, value in self.high.items()}


class Window:
    """One window of one rollout."""

    def __init__(self, verify: Verify, clock: Callable[[], float] = time.monotonic) -> None:
        self._verify = verify
        self._clock = clock
        self._servers: dict[str, _Server] = {}
        self._gates = dict.fromkeys(COUNTS, NONE) | verify.gates

    def watch(self, look: Callable[[], Sequence[Sample]], pause: Callable[[float], object] = time.sleep) -> str | None:
        """Look again and again; why the servers don't hold to the gates, None: they do."""
        end, every = self._clock() + seconds(self._verify.window), seconds(self._verify.every)
        while True:
            seen = look()
            if not seen:
                return "nothing serves any more"
            first = not self._servers
            for sample in seen:
                self._servers.setdefault(sample.server, _Server(been_ready=first)).add(sample)
            left = end - self._clock()
            breach = next(self._breaches(final=left <= 0), None)
            if breach is not None or left <= 0:
                return breach
            pause(min(every, left))

    def figures(self) -> dict[str, float]:
        """The worst of all servers: what is written down."""
        found: dict[str, float] = {}
        for server in self._servers.values():
            for name, value in server.figures().items():
                if not name.startswith(METRICS) or name in self._gates:
                    found[name] = max(value, found.get(name, -math.inf))
        return found

    def _breaches(self, *, final: bool) -> Iterator[str]:
        """Before the end only what can't get better: what is counted."""
        for name, limit in self._gates.items():
            if final or (name in COUNTS and limit.max is not None):
                for server, seen in self._servers.items():
                    yield from _breach(server, seen, name, limit, final=final)


def _breach(server: str, seen: _Server, name: str, limit: Limit, *, final: bool) -> Iterator[str]:
    value = seen.figures().get(name)
    if value is None and not seen.been_ready:
        return
    if value is None:
        yield f"{server}: {name} was never measured"
        return
    lowest = seen.low.get(name.removeprefix(METRICS), value) if name.startswith(METRICS) else value
    said = f" ({seen.said})" if name == "wrong_answers" and seen.said else ""
    if limit.max is not None and value > limit.max:
        yield f"{server}: {name} is {value:g}, allowed at most {limit.max:g}{said}"
    elif final and limit.min is not None and lowest < limit.min:
        yield f"{server}: {name} is {lowest:g}, allowed at least {limit.min:g}"


def sampled(server: str, restarts: int, ask: Ask, ready: str, requests: Sequence[Smoke], metrics: str | None) -> Sample:
    """Ask one server. The first request is not measured: it may open a way that the others take."""
    found = Sample(server, ask("GET", ready, None).ok, restarts)
    for item in requests:
        began = time.perf_counter()
        answer = ask(item.method, item.path, item.json)
        found.latencies.append(time.perf_counter() - began)
        found.wrong.extend(wrong(item, answer.status, answer.text)[:1])
    if metrics:
        answer = ask("GET", metrics, None)
        found.metrics.update(parsed(answer.text) if answer.ok else {})
    return found


def parsed(text: str) -> dict[str, float]:
    """Prometheus' text format: by name, the sum over all labels. What can't be read is left out."""
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if math.isfinite(sample.value):
                    found[sample.name] = found.get(sample.name, 0.0) + sample.value
    except (ValueError, KeyError, IndexError, TypeError):  # what this parser raises for what is no such text
        pass
    return found
