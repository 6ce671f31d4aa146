"""The container test: a release's own image, started by digest, compared, asked and measured (test.container)."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from containers import dockerd, push_base
from mini_project import PYTHON, Mini
from model_devops.adapters.containers import kernel_peak
from packaged import SERVE, change, make_packaged
from registries import plain_registry  # noqa: F401  fixture

pytestmark = pytest.mark.timeout(300)
_numbers = itertools.count()
REQUESTS = '{"path": "/predict", "expect": {"weights": [1.001, 3.0]}, "tolerance": 0.01}\n{"path": "/ready"}\n'
TEST = """\
test:
  run: [PYTHON evaluate.py]
  container: true
  requests: requests.jsonl
  gates:
    accuracy: {min: 0.5}
    container.latency_p95_ms: {max: 5000}
    container.startup_s: {max: 60}
    container.peak_memory_mb: {min: 1, max: 500}
"""


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What DOCKER_HOST is to be."""
    with dockerd(tmp_path_factory.mktemp("docker")) as host:
        yield host


@pytest.fixture
def packaged(tmp_path: Path, plain_registry: str, daemon: str, monkeypatch: pytest.MonkeyPatch) -> Mini:  # noqa: F811
    monkeypatch.setenv("DOCKER_HOST", daemon)
    place = f"container{next(_numbers)}"
    push_base(plain_registry, f"{place}/python", "3")
    mini = make_packaged(
        tmp_path / "a model", f"oci://{plain_registry}/{place}", f"base: {plain_registry}/{place}/python:3"
    )
    change(mini, "serve:\n", TEST.replace("PYTHON", PYTHON) + "serve:\n  resources: {cpu: '1', memory: 256Mi}\n")
    mini.commit("requests", **{"requests.jsonl": REQUESTS})
    return mini


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def left(daemon: str) -> tuple[list, list]:
    """Containers, and networks that Docker doesn't have of itself."""
    client = docker.APIClient(daemon)
    networks = [one["Name"] for one in client.networks() if one["Name"] not in ("bridge", "host", "none")]
    return client.containers(all=True), networks


def test_the_image_itself_is_started_asked_and_measured(packaged: Mini, daemon: str) -> None:
    ok(packaged.build())
    tested = ok(packaged.run("test"))
    found = tested["metrics"]["container"]
    assert found["wrong_answers"] == 0
    assert found["requests"] >= 100
    assert 0 < found["latency_p50_ms"] <= found["latency_p95_ms"] <= found["latency_p99_ms"]
    assert found["peak_memory_mb"] > 1
    assert {gate["metric"] for gate in tested["gates"]} >= {"container.latency_p95_ms", "container.startup_s"}
    assert any(report["title"] == "Output of the container" for report in tested["reports"])
    assert left(daemon) == ([], [])


def test_it_runs_with_less_than_it_might_ask_for(packaged: Mini, daemon: str) -> None:
    probe = (
        "import json, os\n"
        "def may(path):\n"
        "    try: open(path, 'w').close(); return True\n"
        "    except OSError: return False\n"
        "caps = [line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')]\n"
        "seen = {'uid': os.getuid(), 'root': may('/x'), 'app': may('x'), 'tmp': may('/tmp/x')}\n"
        "seen['caps'] = int(caps[0], 16)\n"
        "answers = {'/limits': seen}\n"
    )
    serve = SERVE.replace("import json, os", "import json, os", 1).replace("answers = {", probe + "answers |= {", 1)
    expected = {"uid": 65532, "root": False, "app": False, "tmp": True, "caps": 0}
    packaged.commit(
        "probe", **{"serve.py": serve, "requests.jsonl": json.dumps({"path": "/limits", "expect": expected})}
    )
    ok(packaged.build())
    assert ok(packaged.run("test"))["metrics"]["container"]["wrong_answers"] == 0
    assert left(daemon) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"digest": loaded.digest', '"digest": "sha256:" + "0" * 64', "has loaded sha256:0000"),
        ('"/ready": {}, ', "", "was not ready within 6s: GET /ready answers 404; its last line was: "),
        (
            'ThreadingHTTPServer((os.environ["HOST"]',
            'ThreadingHTTPServer(("127.0.0.1"',
            "no answer at $HOST:$PORT, which are 0.0.0.0:8080",
        ),
        ("loaded = ModelDigest()", "sys.exit('no such device')", "ended with exit code 1; its last line was: no such"),
        ("loaded = ModelDigest()", "loaded = ModelDigest(); hog = b'x' * (1 << 30)", "serve.resources.memory"),
    ],
)
def test_what_is_wrong_with_a_container_is_said_and_nothing_is_left(
    packaged: Mini, daemon: str, old: str, new: str, words: str
) -> None:
    assert old in SERVE
    change(packaged, "  digest: /model\n", "  digest: /model\n  start_timeout: 6s\n")
    packaged.commit("worse", **{"serve.py": SERVE.replace(old, new, 1)})
    ok(packaged.build())
    failed = packaged.run("test")
    assert failed["code"] == 3, failed
    assert words in failed["err"]
    assert failed["error"]["hint"].endswith("reports/container.log")
    assert left(daemon) == ([], [])
    log = packaged.folder / ".model-devops" / "reports" / "container.log"
    if "no such device" in new:
        assert "no such device" in log.read_text()


def test_wrong_answers_fail_the_test_or_their_gate(packaged: Mini) -> None:
    packaged.commit("wrong", **{"requests.jsonl": REQUESTS + '{"path": "/nowhere"}\n'})
    ok(packaged.build())
    failed = packaged.run("test")
    assert failed["code"] == 3
    assert "request 3: GET /nowhere gave 404" in failed["err"]
    change(packaged, "    accuracy: {min: 0.5}\n", "    accuracy: {min: 0.5}\n    container.wrong_answers: {max: 1}\n")
    ok(packaged.build())
    assert ok(packaged.run("test"))["metrics"]["container"]["wrong_answers"] == 1


def test_a_missed_gate_on_wrong_answers_says_which(packaged: Mini) -> None:
    change(packaged, "    accuracy: {min: 0.5}\n", "    accuracy: {min: 0.5}\n    container.wrong_answers: {max: 0}\n")
    packaged.commit("wrong", **{"requests.jsonl": REQUESTS + '{"path": "/nowhere"}\n'})
    ok(packaged.build())
    failed = packaged.run("test")
    assert (failed["code"], failed["error"]["kind"]) == (3, "gate")
    assert "is above max 0.0: request 3: GET /nowhere gave 404" in failed["err"]


def test_the_peak_of_memory_is_the_kernels_not_what_a_look_once_a_second_saw(packaged: Mini) -> None:
    """What only the last answers took counts: with less memory the server would have been killed."""
    hog = "asked.append(1)\n        hog = b'x' * ((120 << 20) * (len(asked) == 100))\n        body = json"
    serve = SERVE.replace("body = json", hog, 1).replace("class Handler", "asked = []\n\nclass Handler", 1)
    packaged.commit("hog", **{"serve.py": serve})
    ok(packaged.build())
    assert ok(packaged.run("test"))["metrics"]["container"]["peak_memory_mb"] > 120


def test_the_kernels_figure_is_read_only_of_a_process_in_that_container(tmp_path: Path) -> None:
    group = f"system.slice/docker-{'a' * 64}.scope"
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text(f"0::/{group}\n")
    (tmp_path / "cgroup" / group).mkdir(parents=True)
    places = {"proc": tmp_path / "proc", "cgroups": tmp_path / "cgroup"}
    assert kernel_peak("a" * 64, 7, **places) == 0, "kernels before 5.19 don't keep it"
    (tmp_path / "cgroup" / group / "memory.peak").write_text("123456789\n")
    assert kernel_peak("a" * 64, 7, **places) == 123456789
    assert kernel_peak("b" * 64, 7, **places) == 0, "another machine's process of this number"
    assert kernel_peak("a" * 64, 8, **places) == 0


def test_no_daemon_no_image_and_requests_that_are_none_are_said_before_anything_runs(packaged: Mini) -> None:
    ok(packaged.build())
    away = packaged.run("test", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (away["code"], away["error"]["kind"]) == (8, "docker")
    packaged.commit("no requests", **{"requests.jsonl": "nothing\n"})
    ok(packaged.build())
    wrong = packaged.run("test")
    assert (wrong["code"], wrong["error"]["kind"]) == (2, "requests")
    assert "requests.jsonl:1" in wrong["err"]
    assert not (packaged.folder / "metrics.json").exists()
