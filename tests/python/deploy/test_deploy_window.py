"""Watching what serves before a deploy counts as verified (D13)."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from model_devops.config.types import Limit, Verify
from model_devops.deploy.recorded import Recorded, turns
from model_devops.deploy.window import AT_ONCE, MOST, Sample, Window, parsed


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def watched(look: Callable[[int], list[Sample]], **given: Any) -> tuple[str | None, Window, int]:
    clock, looks = Clock(), 0

    def counted() -> list[Sample]:
        nonlocal looks
        looks += 1
        return look(looks - 1)

    gates = {name.replace("__", "."): limit for name, limit in given.pop("gates", {}).items()}
    window = Window(Verify(window="10s", every="1s", gates=gates, **given), clock)
    return window.watch(counted, clock.pause), window, looks


def good(server: str = "pod a", **changes: Any) -> Sample:
    return Sample(**({"server": server, "ready": True, "restarts": 0, "latencies": [0.01]} | changes))


def test_D13_the_whole_window_is_watched_and_its_figures_are_kept() -> None:
    cause, window, looks = watched(lambda number: [good(latencies=[0.01 * (number + 1)]), good("pod b")])
    assert (cause, looks) == (None, 11)
    assert window.figures() == {
        "wrong_answers": 0, "not_ready": 0, "restarts": 0,
        "latency_p50_ms": 60, "latency_p95_ms": 110, "latency_p99_ms": 110,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ready": False}, "pod b: not_ready is 1, allowed at most 0"),
        ({"restarts": 1}, "pod b: restarts is 1, allowed at most 0"),
        ({"wrong": ["GET /p gave 500"]}, "pod b: wrong_answers is 1, allowed at most 0 (GET /p gave 500)"),
    ],
)
def test_D13_what_is_counted_ends_the_window_at_once(change: dict[str, Any], words: str) -> None:
    cause, _, looks = watched(lambda number: [good(), good("pod b", **(change if number == 3 else {}))])
    assert (cause, looks) == (words, 4)


def test_D13_a_named_limit_takes_the_place_of_the_usual_one() -> None:
    gates = {"not_ready": Limit(max=2)}
    assert watched(lambda number: [good(ready=number not in (1, 2))], gates=gates)[0] is None
    cause, _, looks = watched(lambda number: [good(ready=number not in (1, 2, 5))], gates=gates)
    assert cause is not None
    assert looks == 6


def test_D13_a_server_that_comes_meanwhile_has_its_time_to_get_ready() -> None:
    """As where an autoscaler or a drained node makes a pod in the window."""

    def look(number: int) -> list[Sample]:
        new = good("pod b", ready=number >= 6, wrong=[] if number >= 6 else ["no answer"])
        return [good(), *([new] if number >= 3 else [])]

    gates = {"latency_p95_ms": Limit(max=50)}
    assert watched(look, gates=gates)[0] is None
    never = watched(lambda number: [good(), good("pod b", ready=False, latencies=[])][: 1 + (number > 3)], gates=gates)
    assert never[0] is None
    crashing = watched(lambda number: [good(), good("pod b", ready=False, restarts=number // 5)][: 1 + (number > 3)])
    assert crashing[0] == "pod b: restarts is 1, allowed at most 0"
    gone = watched(lambda number: [good(), good("pod b", ready=number in (4, 5))][: 1 + (number > 3)])
    assert gone[0] == "pod b: not_ready is 1, allowed at most 0"


def test_D13_starts_before_the_window_are_no_part_of_it() -> None:
    assert watched(lambda _: [good(restarts=2)])[0] is None
    assert watched(lambda number: [good(restarts=2 + number // 9)])[0] == "pod a: restarts is 1, allowed at most 0"


def test_D13_percentiles_are_judged_at_the_end_of_each_server_for_itself() -> None:
    gates = {"latency_p95_ms": Limit(max=50)}
    slow = {"pod a": 0.01, "pod b": 0.06}
    cause, _, looks = watched(lambda _: [good(name, latencies=[one]) for name, one in slow.items()], gates=gates)
    assert (cause, looks) == ("pod b: latency_p95_ms is 60, allowed at most 50", 11)
    assert watched(lambda number: [good(latencies=[0.5 if number == 0 else 0.01] * 30)], gates=gates)[0] is not None
    assert (
        watched(lambda number: [good(latencies=[0.5, *[0.01] * 30] if number == 0 else [0.01])], gates=gates)[0] is None
    )


def test_D13_metrics_are_judged_by_their_highest_and_lowest_and_counters_by_how_they_grew() -> None:
    def look(number: int) -> list[Sample]:
        return [good(metrics={"queue": float(abs(5 - number)), "errors_total": 100.0 + number // 5})]

    assert watched(look, metrics="/m", gates={"metrics__queue": Limit(max=5, min=0)})[0] is None
    assert (
        watched(look, metrics="/m", gates={"metrics__queue": Limit(max=4)})[0]
        == "pod a: metrics.queue is 5, allowed at most 4"
    )
    assert "allowed at least 1" in (watched(look, metrics="/m", gates={"metrics__queue": Limit(min=1)})[0] or "")
    assert watched(look, metrics="/m", gates={"metrics__errors_total": Limit(max=2)})[0] is None
    cause, window, _ = watched(look, metrics="/m", gates={"metrics__errors_total": Limit(max=1)})
    assert cause == "pod a: metrics.errors_total is 2, allowed at most 1"
    assert window.figures()["metrics.errors_total"] == 2
    assert "metrics.queue" not in window.figures(), "only what is asked for is written down"


def test_D13_what_nobody_measured_and_nothing_that_serves_are_breaches() -> None:
    assert (
        watched(lambda _: [good()], metrics="/m", gates={"metrics__x": Limit(max=1)})[0]
        == "pod a: metrics.x was never measured"
    )
    assert watched(lambda number: [good()] if number < 2 else [])[::2] == ("nothing serves any more", 3)


def test_a_long_window_keeps_no_more_than_so_many_latencies() -> None:
    _, window, _ = watched(lambda _: [good(latencies=[0.01] * MOST)])
    assert len(window._servers["pod a"].latencies) == MOST


def test_metrics_are_summed_over_labels_and_other_text_is_none() -> None:
    hits = 'hits_total{path="/a}b",code="200"} 3\nhits_total{path="/c"} 4 1700000000000\n'
    text = f"# TYPE hits counter\n{hits}up 1\nbad NaN\n"
    assert parsed(text) == {"hits_total": 7.0, "up": 1.0}
    for strange in ("<html>", '{"a": 1}', "x{", 'x{a="', "\x00", "x 1 2 3 4", "a" * 100_000):
        assert isinstance(parsed(strange), dict)


def watch(served: Any, gates: str, further: str = "") -> None:
    """Let the environment `test` be watched."""
    path = served.folder / "model.yaml"
    start = "  test: {target: local, "
    text = path.read_text()
    assert start in text
    path.write_text(text.replace(start, f"{start}verify: {{window: 3s, every: 1s, {further}gates: {gates}}}, "))
    served.git("commit", "-aqm", "watch")


def test_D13_a_server_that_holds_is_verified_with_what_was_measured(served: Any) -> None:
    watch(served, "{latency_p95_ms: {max: 2000}}")
    version = served.release()
    done = served.run("deploy", "test")
    assert done["code"] == 0, done["err"]
    assert "watching what serves for 3s" in done["err"]
    window = served.revisions()[-1]["window"]
    assert window["wrong_answers"] == window["not_ready"] == window["restarts"] == 0
    assert 0 < window["latency_p95_ms"] < 2000
    assert "downtime" not in done["revision"], "nothing ran before"
    assert "latency_p95_ms" in json.dumps(served.run("release", "show", version))
    again = served.run("deploy", "test")
    assert again["changed"] is False
    assert "watching" not in again["err"], "what runs already is not watched again (D4)"


def test_D13_a_server_that_gets_worse_after_its_proof_is_taken_back_and_a_rollback_asks_nothing(served: Any) -> None:
    first = served.release()
    assert served.run("deploy", "test")["code"] == 0
    watch(served, "{wrong_answers: {max: 0}}")
    second = served.release("seed: 2\n")
    done = served.run("deploy", "test")
    assert done["code"] == 0, done["err"]
    assert done["revision"]["downtime"] < 3, "in the window it serves"
    back = served.run("rollback", "test", "--reason", "slow")
    assert back["code"] == 0
    assert "watching" not in back["err"]
    assert served.run("unblock", "test", "--release", second, "--reason", "mended")["code"] == 0
    served.release("seed: 3\nforget: 1\n")
    failed = served.run("deploy", "test")
    assert failed["code"] == 5, failed["err"]
    assert "wrong_answers is 1, allowed at most 0" in failed["error"]["message"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first


def test_D13_the_window_is_no_downtime_of_what_is_taken_back(served: Any) -> None:
    served.release()
    assert served.run("deploy", "test")["code"] == 0
    watch(served, "{latency_p50_ms: {max: 0}}")  # judged at the end of three seconds
    served.release("seed: 2\n")
    failed = served.run("deploy", "test")
    assert failed["code"] == 5, failed["err"]
    assert failed["revision"]["downtime"] < 3


def test_D13_a_run_killed_in_the_window_is_followed_by_a_whole_one(served: Any) -> None:
    watch(served, "{}")
    served.release()
    command = [sys.executable, "-m", "model_devops", "--json", "deploy", "test"]
    with subprocess.Popen(command, cwd=served.folder, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "watching" in line:
                break
        running.kill()
    assert served.revisions()[-1]["status"] == "pending"
    done = served.run("deploy", "test")
    assert done["code"] == 0, done["err"]
    assert "watching what serves for 3s" in done["err"]
    assert served.revisions()[-1]["window"]["not_ready"] == 0


def recorded(served: Any, count: int, **of_last: Any) -> None:
    """So many requests in a file of the code; the last one is another."""
    requests = [{"path": "/predict", "expect": {"ok": True}} for _ in range(count - 1)]
    text = "\n".join(json.dumps(one) for one in [*requests, {"path": "/predict"} | of_last])
    model = (served.folder / "model.yaml").read_text()
    more = model.replace("model_digest.py]", "model_digest.py, asked.jsonl]")
    served.commit("requests", **{"asked.jsonl": text + "\n", "model.yaml": more})


def test_D13_recorded_requests_of_the_release_are_asked_all_of_them_in_turns(served: Any) -> None:
    recorded(served, AT_ONCE + 9)
    watch(served, "{latency_p95_ms: {max: 2000}}", "requests: asked.jsonl, ")
    first = served.release()
    done = served.run("deploy", "test")
    assert done["code"] == 0, done["err"]
    recorded(served, AT_ONCE + 9, status=404)  # the second look comes to it
    served.release("seed: 2\n")
    failed = served.run("deploy", "test")
    assert failed["code"] == 5, failed["err"]
    assert "(GET /predict gave 200" in failed["error"]["message"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first


def test_D13_a_release_without_the_requests_or_with_broken_ones_is_refused_before_anything_changes(served: Any) -> None:
    watch(served, "{}", "requests: asked.jsonl, ")
    version = served.release()
    refused = served.run("deploy", "test")
    assert (refused["code"], refused["error"]["kind"]) == (4, "requests"), refused["err"]
    assert f"{version} has no file asked.jsonl" in refused["error"]["message"]
    assert served.run("plan", "test")["code"] == 4
    recorded(served, 3, pth="/x")
    served.release("seed: 2\n")
    broken = served.run("deploy", "test")
    assert broken["code"] == 2, broken["err"]
    assert "asked.jsonl:3" in broken["err"]
    assert not served.answers()


@pytest.mark.parametrize(("count", "most"), [(3, 5), (5, 2), (4, 4), (0, 3)])
def test_requests_come_in_turns(count: int, most: int) -> None:
    requests = [Recorded(path=f"/{number}") for number in range(count)]
    taken = [one.path for part in itertools.islice(turns(requests, most), 6) for one in part]
    assert taken == [f"/{number % count}" for number in range(len(taken))] if count else not taken
    assert len(taken) == 6 * min(count, most)
