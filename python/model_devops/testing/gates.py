"""Gates: conditions on metrics, each reported for itself (T2–T4).

Numbers are compared as they are written, not as binary fractions: a drop from 0.95 to 0.945 is 0.005.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import msgspec

from model_devops.config.types import Gate, Test
from model_devops.release.evidence import GateResult
from model_devops.testing.metrics import Metrics

RELATIVE = ("max_drop", "max_rise")
PASSED, MISSED, INVALID, NO_BASELINE = "passed", "missed", "invalid", "no-baseline"
NOT_COMPARABLE = "not-comparable"
Number = int | float


@dataclass(frozen=True)
class Baseline:
    """What the relative gates of one environment compare with."""

    environment: str
    metrics: Metrics | None = None
    """None where there is nothing to compare with: see `missing`."""
    version: str = ""
    release: str | None = None
    """Release digest."""
    missing: str | None = None
    """`no-baseline` where the environment never had a release; without metrics else it is `not-comparable`."""
    message: str = ""
    """Why nothing can be compared, or where the values come from."""


def baselines_of(test: Test) -> list[str]:
    """The environments that the gates compare with, each once, in the order of the gates."""
    names = [gate.baseline or test.baseline for gate in test.gates.values() if _is_relative(gate)]
    return list(dict.fromkeys(name for name in names if name))


def evaluate(test: Test, metrics: Metrics, baselines: Mapping[str, Baseline]) -> list[GateResult]:
    """Every condition of every gate, in the order of model.yaml; no condition hides another."""
    results = []
    for metric, gate in test.gates.items():
        for condition, limit in _conditions(gate):
            environment = gate.baseline or test.baseline or ""
            baseline = baselines.get(environment, Baseline(environment, None, missing=NOT_COMPARABLE))
            results.append(_result(metric, condition, limit, metrics, baseline))
    return results


def holds(results: list[GateResult], accepted: list[str]) -> bool:
    """Whether all gates pass. `accepted` names metrics whose gates may be not comparable, never missed ones (T4)."""
    return all(is_fine(result, accepted) for result in results)


def is_fine(result: GateResult, accepted: list[str]) -> bool:
    """Whether this one doesn't fail the test."""
    return result.status in (PASSED, NO_BASELINE) or (result.status == NOT_COMPARABLE and result.metric in accepted)


def explained(result: GateResult, why: str) -> GateResult:
    """A missed gate with what stands behind its number, where that is known."""
    if result.status != MISSED or not why:
        return result
    return msgspec.structs.replace(result, message=f"{result.message}: {why}")


def _is_relative(gate: Gate) -> bool:
    return any(getattr(gate, condition) is not None for condition in RELATIVE)


def _conditions(gate: Gate) -> list[tuple[str, float]]:
    named = [(name, getattr(gate, name)) for name in ("min", "max", *RELATIVE)]
    return [(name, limit) for name, limit in named if limit is not None]


def _result(metric: str, condition: str, limit: float, metrics: Metrics, baseline: Baseline) -> GateResult:
    value, instead = metrics.number(metric)
    if value is None:
        return _say(metric, condition, limit, INVALID, f"{metric} {instead} ({condition} {limit:g})")
    if not math.isfinite(limit):
        return _say(metric, condition, 0, INVALID, f"{metric}: {condition} {limit} is no limit", value)
    if condition not in RELATIVE:
        return _absolute(metric, condition, limit, value)
    return _relative(metric, condition, limit, value, baseline)


def _absolute(metric: str, condition: str, limit: float, value: Number) -> GateResult:
    below, above = exact(value) < exact(limit), exact(value) > exact(limit)
    missed = below if condition == "min" else above
    word = "below" if condition == "min" else "above"
    text = (
        f"{metric} {value!r} is {word} {condition} {limit!r}"
        if missed
        else f"{metric} {value!r} ({condition} {limit!r})"
    )
    return _say(metric, condition, limit, MISSED if missed else PASSED, text, value)


def _relative(metric: str, condition: str, limit: float, value: Number, baseline: Baseline) -> GateResult:
    if baseline.metrics is None:
        text = f"{metric} {value!r} has nothing to compare with ({condition} {limit!r}): {baseline.message}"
        return _say(metric, condition, limit, baseline.missing or NOT_COMPARABLE, text, value, None, baseline.release)
    before, instead = baseline.metrics.number(metric)
    if before is None:
        text = f"{metric} {instead} of {baseline.version}, which runs in {baseline.environment} ({condition} {limit!r})"
        return _say(metric, condition, limit, NOT_COMPARABLE, text, value, None, baseline.release)
    change = exact(before) - exact(value) if condition == "max_drop" else exact(value) - exact(before)
    missed = change > exact(limit)
    word = "dropped" if condition == "max_drop" else "rose"
    moved = (
        f"{word} by {float(change):g}" if change > 0 else "did not drop" if condition == "max_drop" else "did not rise"
    )
    text = (
        f"{metric} {value!r} {moved} against {before!r} of {baseline.version}, which runs in {baseline.environment}"
        f" ({condition} {limit!r})"
    )
    return _say(metric, condition, limit, MISSED if missed else PASSED, text, value, before, baseline.release)


def exact(number: Number) -> Fraction:
    """The number as it is written in decimal."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _say(
    metric: str,
    condition: str,
    limit: float,
    status: str,
    message: str,
    value: Number | None = None,
    before: Number | None = None,
    release: str | None = None,
) -> GateResult:
    return GateResult(
        metric=metric,
        condition=condition,
        limit=float(limit),
        value=None if value is None else float(value),
        baseline=None if before is None else float(before),
        baseline_release=release,
        status=status,
        message=message,
    )
