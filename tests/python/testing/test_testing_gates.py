"""Gates: each condition for itself, compared as numbers are written, and never passed by what is not there (T2-T4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_devops.config.types import Gate, Test
from model_devops.testing import gates
from model_devops.testing.gates import Baseline, baselines_of, evaluate, holds, is_fine
from model_devops.testing.metrics import Metrics

RUNS = Baseline("production", Metrics({"accuracy": 0.95, "latency": 20}), "1.2.0", "sha256:1")


def judge(gate: dict[str, Any], value: Any, baseline: Baseline | None = RUNS, name: str = "accuracy"):
    test = Test(run=["true"], baseline="production", gates={name: Gate(**gate)})
    metrics = Metrics({} if value is ... else {name: value})
    return evaluate(test, metrics, {"production": baseline} if baseline else {})


@pytest.mark.parametrize(
    ("gate", "value", "statuses"),
    [
        ({"min": 0.95}, 0.95, ["passed"]),
        ({"min": 0.95}, 0.9499999, ["missed"]),
        ({"max": 20}, 20, ["passed"]),
        ({"max": 20}, 20.0000001, ["missed"]),
        ({"max_drop": 0.005}, 0.945, ["passed"]),
        ({"max_drop": 0.005}, 0.9449, ["missed"]),
        ({"max_drop": 0}, 0.95, ["passed"]),
        ({"max_drop": 0}, 0.99, ["passed"]),
        ({"max_rise": 0.05}, 1.0, ["passed"]),
        ({"max_rise": 0.05}, 1.01, ["missed"]),
        ({"min": 0.96, "max": 0.9, "max_drop": 0.001, "max_rise": 0.1}, 0.94, ["missed", "missed", "missed", "passed"]),
        ({"min": 0.0}, -0.0, ["passed"]),
        ({"min": 0.5}, float("nan"), ["invalid"]),
        ({"min": 0.5, "max_drop": 1}, "0.9", ["invalid", "invalid"]),
        ({"min": 0.5}, ..., ["invalid"]),
        ({"min": float("nan")}, 1, ["invalid"]),
        ({"max": 10**300}, 10**299, ["passed"]),
    ],
)
def test_each_condition_is_judged_for_itself(gate, value, statuses):
    results = judge(gate, value)
    assert [result.status for result in results] == statuses
    assert all("accuracy" in result.message for result in results)
    assert holds(results, []) == all(status == "passed" for status in statuses)


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_decimal_steps_are_compared_exactly(before: int, after: int, allowed: int):
    baseline = Baseline("production", Metrics({"accuracy": before / 1000}), "1.2.0")
    drop = judge({"max_drop": allowed / 1000}, after / 1000, baseline)[0]
    rise = judge({"max_rise": allowed / 1000}, after / 1000, baseline)[0]
    assert (drop.status == "passed") == (before - after <= allowed)
    assert (rise.status == "passed") == (after - before <= allowed)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)


@given(NUMBERS, NUMBERS | st.none() | st.text(max_size=3), st.floats(0, 1e300), st.floats(0, 1e300))
def test_any_numbers_are_judged(value, before, drop, rise):
    baseline = Baseline("production", Metrics({"accuracy": before}), "1.2.0")
    results = judge({"min": 0.0, "max": 1.0, "max_drop": drop, "max_rise": rise}, value, baseline)
    assert len(results) == 4
    assert {result.status for result in results} <= {"passed", "missed", "not-comparable"}


def test_T3_where_nothing_ever_ran_relative_gates_pass_and_say_so():
    none = Baseline("production", missing=gates.NO_BASELINE, message="production never had a release")
    results = judge({"min": 0.5, "max_drop": 0.1}, 0.9, none)
    assert [result.status for result in results] == ["passed", "no-baseline"]
    assert "production never had a release" in results[1].message
    assert holds(results, [])


def test_T4_what_cannot_be_compared_fails_unless_it_is_accepted():
    unknown = Baseline("production", missing=gates.NOT_COMPARABLE, message="production did not answer")
    results = judge({"min": 0.5, "max_drop": 0.1}, 0.9, unknown)
    assert [result.status for result in results] == ["passed", "not-comparable"]
    assert not holds(results, [])
    assert holds(results, ["accuracy"])


@pytest.mark.parametrize("value", [{}, {"accuracy": float("inf")}, {"accuracy": "x"}])
def test_T4_a_baseline_without_the_metric_cannot_be_compared(value):
    results = judge({"max_drop": 0.1}, 0.9, Baseline("production", Metrics(value), "1.2.0", "sha256:1"))
    assert [result.status for result in results] == ["not-comparable"]
    assert "1.2.0, which runs in production" in results[0].message


def test_T4_a_gate_that_was_missed_or_not_measured_cannot_be_accepted():
    for result in (*judge({"min": 0.95, "max_drop": 0.001}, 0.9), *judge({"max_drop": 1}, ...)):
        assert not is_fine(result, ["accuracy"])


def test_without_a_word_on_the_baseline_a_gate_is_not_comparable():
    assert judge({"max_drop": 1}, 0.9, None)[0].status == "not-comparable"


def test_each_gate_may_name_another_environment():
    test = Test(
        run=["true"],
        baseline="production",
        gates={
            "a": Gate(max_drop=0.1),
            "b": Gate(max_drop=0.1, baseline="test"),
            "c": Gate(min=1),
            "d": Gate(max_rise=1),
        },
    )
    assert baselines_of(test) == ["production", "test"]


def test_messages_say_value_limit_and_what_it_was_compared_with():
    result = judge({"max_drop": 0.005}, 0.93)[0]
    assert result.message == (
        "accuracy 0.93 dropped by 0.02 against 0.95 of 1.2.0, which runs in production (max_drop 0.005)"
    )
    assert (result.value, result.baseline, result.baseline_release) == (0.93, 0.95, "sha256:1")
