"""What `verify` of an environment may say (D13)."""

from __future__ import annotations

import pytest

from model_devops.config.load import loads
from model_devops.errors import Problem, UsageError

SMOKE = "smoke: [{path: /predict}]"


def problems(verify: str, smoke: str = SMOKE) -> list[Problem]:
    serve = f"serve: {{command: x{', ' + smoke if smoke else ''}}}"
    block = f"environments:\n  test: {{target: local, port: 1, verify: {{{verify}}}}}\n"
    try:
        loads(f"name: digits\nartifacts: {{model: model/}}\n{serve}\n{block}".encode(), "model.yaml")
    except UsageError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "verify",
    [
        "window: 1s",
        "window: 24h, every: 1m",
        "window: 2m, gates: {latency_p95_ms: {max: 50}, wrong_answers: {max: 3}, restarts: {max: 1}}",
        "window: 2m, metrics: /metrics, gates: {metrics.queue_length: {min: 0, max: 10}}",
    ],
)
def test_D13_what_fits_is_no_problem(verify: str) -> None:
    assert not problems(verify)


@pytest.mark.parametrize(
    ("verify", "words"),
    [
        ("every: 1s", "window is missing"),
        ("window: 500ms", "verify.window: must be between 1s and 24h"),
        ("window: 2d", "verify.window: must be between 1s and 24h"),
        ("window: soon", "verify.window: 'soon' is not allowed"),
        ("window: 10s, every: 20s", "verify.every: must be between 1s and the window"),
        ("window: 10s, every: 10ms", "verify.every: must be between 1s and the window"),
        ("window: 10s, gates: {latency_p90_ms: {max: 1}}", "latency_p90_ms: there is no such figure"),
        ("window: 10s, gates: {restarts: {}}", "restarts: sets no limit"),
        ("window: 10s, gates: {metrics.x: {max: 1}}", "nothing says where metrics are"),
        ("window: 10s, metrics: metrics", "verify.metrics: 'metrics' is not allowed"),
        ("window: 10s, gates: {restarts: {max: 1, max_rise: 1}}", "max_rise: there is no such key"),
    ],
)
def test_D13_what_does_not_is_one_problem_with_its_place(verify: str, words: str) -> None:
    found = problems(verify)
    assert len(found) == 1, found
    assert words in found[0].message
    assert found[0].line == 5


def test_D13_latencies_need_requests() -> None:
    assert not problems("window: 10s", smoke="")
    (found,) = problems("window: 10s, gates: {latency_p95_ms: {max: 1}}", smoke="")
    assert "no requests are sent" in found.message
    assert "serve.smoke" in str(found.hint)
