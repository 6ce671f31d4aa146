"""What no type can say of an environment's `verify` in a model.yaml. Works as config/rules.py does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_devops.config.durations import seconds
from model_devops.config.places import Places, near
from model_devops.errors import Problem, UsageError

LATENCIES = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
COUNTS = ("wrong_answers", "not_ready", "restarts")
METRICS = "metrics."
#: Longer than a day nobody waits for a rollout.
LONGEST = 86400.0


def problems(document: dict[str, Any], places: Places) -> Iterator[Problem]:
    """All problems of the environments' `verify`."""
    for name, block in (document.get("environments") or {}).items():
        verify = (block or {}).get("verify")
        if verify:
            at = ("environments", name, "verify")
            yield from _times(verify, places, at)
            for figure, limit in (verify.get("gates") or {}).items():
                yield from _gate(document, verify, figure, limit or {}, places, (*at, "gates", figure))


def _times(verify: dict[str, Any], places: Places, at: tuple[str, ...]) -> Iterator[Problem]:
    try:
        window, every = seconds(verify.get("window") or "1s"), seconds(verify.get("every") or "5s")
    except UsageError:
        return
    if not 1 <= window <= LONGEST:
        yield places.problem("must be between 1s and 24h", *at, "window")
    if every < 1 or (every > window and "every" in verify):
        yield places.problem("must be between 1s and the window", *at, "every")


def _gate(
    document: dict[str, Any], verify: dict[str, Any], figure: str, limit: dict[str, Any], places: Places, at: Any
) -> Iterator[Problem]:
    known = (*LATENCIES, *COUNTS)
    if figure not in known and not figure.startswith(METRICS):
        yield places.problem(
            "there is no such figure", *at, allowed=(*known, f"{METRICS}NAME"), hint=near(figure, list(known))
        )
    if limit.get("min") is None and limit.get("max") is None:
        yield places.problem("sets no limit", *at, allowed=("min", "max"))
    if figure.startswith(METRICS) and not verify.get("metrics"):
        yield places.problem("nothing says where metrics are", *at, hint="write `metrics: /metrics` beside `gates`")
    asked = (document.get("serve") or {}).get("smoke") or verify.get("requests")
    if figure in (*LATENCIES, "wrong_answers") and not asked:
        hint = "write requests into `serve.smoke`, those are asked again, or name a file with `requests`"
        yield places.problem("no requests are sent", *at, hint=hint)
