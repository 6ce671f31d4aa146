"""Recorded requests and what their answers come to (test.requests)."""

import itertools
import json

import pytest

from model_devops.deploy.recorded import MOST_PROBLEMS, Recorded, read, wrong
from model_devops.errors import UsageError
from model_devops.testing.replay import ENOUGH, play


def test_a_file_of_requests_is_read_with_all_that_is_wrong_at_once() -> None:
    good = b'{"path": "/a"}\n\n{"path": "/b", "method": "POST", "json": [1], "expect": {"y": 2.0}, "tolerance": 0.1}\n'
    assert [one.path for one in read(good, "r.jsonl")] == ["/a", "/b"]
    with pytest.raises(UsageError) as refused:
        read(b'{"path": "a"}\nnothing\n{"path": "/", "method": "EAT"}\n{"path": "/"}\n', "r.jsonl")
    assert [problem.where for problem in refused.value.problems] == ["r.jsonl:1:10", "r.jsonl:2", "r.jsonl:3:25"]
    with pytest.raises(UsageError) as empty:
        read(b"\n", "r.jsonl")
    assert empty.value.problems[0].message == "holds no request"


def test_what_is_wrong_with_a_line_is_said_as_for_model_yaml() -> None:
    lines = (
        b'{"pth": "/a"}\n{"path": "/a", "tolerance": -1}\n{"path": "/a", "method": "EAT", "status": 9}\n[1]\n{"path"'
    )
    with pytest.raises(UsageError) as refused:
        read(lines, "r.jsonl")
    assert refused.value.message == "r.jsonl, which holds recorded requests, has 7 problems"
    found = [(problem.line, problem.message.partition(":")[0]) for problem in refused.value.problems]
    assert found == [
        (1, "pth"),
        (1, "path is missing"),
        (2, "tolerance"),
        (3, "method"),
        (3, "status"),
        (4, "must be a mapping, not a list"),
        (5, "Input data was truncated"),
    ]
    assert refused.value.problems[0].hint == "did you mean path?"
    assert "POST" in refused.value.problems[3].allowed


def test_of_a_file_of_something_else_only_the_beginning_is_told() -> None:
    with pytest.raises(UsageError) as refused:
        read(b"id,name\n" * 10_000, "r.csv")
    assert len(refused.value.problems) == MOST_PROBLEMS


def test_files_of_windows_are_read_too() -> None:
    assert [one.path for one in read(b'\xef\xbb\xbf{"path": "/a"}\r\n\r\n{"path": "/b"}\r\n', "r.jsonl")] == [
        "/a",
        "/b",
    ]


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
    assert replay.wrong == ["request 2: GET /bad gave 500: , expected 200"]
    replay.latencies = [number / 1000 for number in range(1, 101)]
    assert [replay.metrics()[f"latency_p{percent}_ms"] for percent in (50, 95, 99)] == [50.0, 95.0, 99.0]


def test_an_answer_that_is_wrong_only_later_counts_too() -> None:
    times = itertools.count()

    def send(_: Recorded) -> tuple[int, str]:
        return (200 if next(times) < 50 else 503), "tired"

    replay = play([Recorded(path="/a")], send)
    assert replay.wrong == ["request 1: GET /a gave 503: tired, expected 200"]
    assert replay.metrics()["wrong_answers"] == 1
