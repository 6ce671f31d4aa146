"""Recorded requests and what their answers come to (test.requests)."""

import itertools
import json

import pytest

from model_devops.errors import UsageError
from model_devops.testing.replay import ENOUGH, Recorded, play, read, wrong


def test_a_file_of_requests_is_read_with_all_that_is_wrong_at_once() -> None:
    good = b'{"path": "/a"}\n\n{"path": "/b", "method": "POST", "json": [1], "expect": {"y": 2.0}, "tolerance": 0.1}\n'
    assert [one.path for one in read(good, "r.jsonl")] == ["/a", "/b"]
    with pytest.raises(UsageError) as refused:
        read(b'{"path": "a"}\nnothing\n{"path": "/", "method": "EAT"}\n{"path": "/"}\n', "r.jsonl")
    assert [problem.where for problem in refused.value.problems] == ["r.jsonl:1", "r.jsonl:2", "r.jsonl:3"]
    with pytest.raises(UsageError, match="holds no request"):
        read(b"\n", "r.jsonl")


@pytest.mark.parametrize(
    ("expect", "answer", "fine"),
    [
        ({"y": 2.0}, {"y": 2.05}, True),
        ({"y": 2.0}, {"y": 2.2}, False),
        ({"y": [1.0, {"z": 2}]}, {"y": [1.04, {"z": 1.95}], "more": 1}, True),
        ({"y": [1.0]}, {"y": [1.0, 1.0]}, False),
        ({"y": True}, {"y": 1.0}, False),
        ({"y": "a"}, {"y": "b"}, False),
        ({"y": 1}, {}, False),
        ([1.0, 2.0], [1.05, 2.05], True),
    ],
)
def test_numbers_may_be_off_by_the_tolerance_and_nothing_else(expect: object, answer: object, fine: bool) -> None:
    request = Recorded(path="/", expect=expect, tolerance=0.1)
    assert (wrong(request, 200, json.dumps(answer)) == []) is fine


def test_without_a_tolerance_answers_are_equal_and_a_status_always_counts() -> None:
    assert wrong(Recorded(path="/", expect={"y": 2.0}), 200, '{"y": 2.05}')
    assert wrong(Recorded(path="/", tolerance=0.1), 500, "{}")
    assert wrong(Recorded(path="/", expect={"y": 1}, tolerance=0.1), 200, "no json")


def test_percentiles_rate_and_wrong_answers_are_those_of_what_was_measured() -> None:
    ticks = itertools.count()
    sent: list[str] = []

    def send(request: Recorded) -> tuple[int, str]:
        sent.append(request.path)
        return (200 if request.path == "/good" else 500), ""

    requests = [Recorded(path="/good"), Recorded(path="/bad")]
    replay = play(requests, send, clock=lambda: float(next(ticks)) / 10)
    found = replay.metrics()
    assert found["requests"] == ENOUGH
    assert len(sent) == ENOUGH + 2, "the first ones warm up"
    assert found["wrong_answers"] == 1, "each request counts once, however often it was sent"
    assert found["latency_p50_ms"] == found["latency_p99_ms"] == 100.0
    assert found["requests_per_second"] == round(ENOUGH / replay.seconds, 3)
    replay.latencies = [number / 1000 for number in range(1, 101)]
    assert [replay.metrics()[f"latency_p{percent}_ms"] for percent in (50, 95, 99)] == [50.0, 95.0, 99.0]
