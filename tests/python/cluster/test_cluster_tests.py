"""A release's test as a Job in a real cluster: `test.kubernetes`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from cluster import Cluster
from cluster_use import wait_for
from deployed import Deployed, deployed_in
from job_use import as_documented, nothing_left, running, told

pytestmark = pytest.mark.timeout(300)
BLOCK = """\
test:
  run: [python3 evaluate.py]
  timeout: 2m
  gates: {accuracy: {min: 0.5}}
  kubernetes: {namespace: NAMESPACE}
"""
#: Looks at what a pod has, and says so.
EVALUATE = """\
import json, os, pathlib, time
shard, shards = int(os.environ["MODEL_DEVOPS_SHARD"]), int(os.environ["MODEL_DEVOPS_SHARDS"])
print("evaluating", os.environ["MODEL_DEVOPS_VERSION"], "as", os.getuid(), flush=True)
every = [path for path in pathlib.Path(".").rglob("*") if path.is_file()]
files = sorted(str(path) for path in every if ".model-devops-job" not in path.parts)
print("files:", json.dumps(files), flush=True)
EXTRA
json.dump({"accuracy": 0.8 + shard / 10, "rows": len(files)}, open("metrics.json", "w"))
"""
COMBINE = """\
import json, os
print("combining", os.environ["MODEL_DEVOPS_VERSION"])
found = [json.load(open(f"metrics.{shard}.json")) for shard in range(3)]
json.dump({"accuracy": sum(one["accuracy"] for one in found) / 3}, open("metrics.json", "w"))
"""


def evaluate(extra: str = "") -> dict[str, str]:
    return {"evaluate.py": EVALUATE.replace("EXTRA", extra)}


@pytest.fixture
def tested(tmp_path: Path, cluster: Cluster, restricted_namespace: str, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A project whose test runs in a namespace for restricted pods."""
    found = deployed_in(restricted_namespace, tmp_path, cluster, monkeypatch)
    text = (found.mini.folder / "model.yaml").read_text().partition("environments:\n")[0]
    ignore = "metrics*.json\nasked.txt\n"
    block = BLOCK.replace("NAMESPACE", restricted_namespace)
    found.mini.commit("a test", **{"model.yaml": text + block, ".gitignore": ignore}, **evaluate())
    return found


def test_a_test_runs_in_a_pod_with_the_releases_files_and_nothing_is_left(tested: Deployed, tmp_path: Path) -> None:
    version = tested.release(1)
    done = tested.ok("test", KUBECONFIG=as_documented(tested, tmp_path))
    assert done["metrics"]["accuracy"] == 0.8
    assert f"evaluating {version} as 65532" in done["err"]
    shown = tested.ok("release", "show", version)
    (said,) = [one for one in shown["evidence"] if one["kind"] == "tested"]
    assert said["body"]["ranIn"] == "{repository}@{digest}".format_map(shown["release"]["image"])
    (line,) = [line for line in done["err"].splitlines() if line.startswith("files: ")]
    files = set(json.loads(line.removeprefix("files: ")))
    assert {"model/weights.safetensors", "extra files/größe.txt", "evaluate.py", "params.yaml"} <= files
    wait_for(lambda: nothing_left(tested))
    log = (tested.mini.folder / ".model-devops" / "reports" / "test.log").read_text()
    assert f"evaluating {version}" in log


def test_a_command_that_fails_is_told_with_its_exit_code_and_last_line(tested: Deployed) -> None:
    tested.release(1, **evaluate('raise SystemExit("no such metric")'))
    failed = tested.run("test")
    assert failed["code"] == 3, failed["err"]
    assert (
        "`python3 evaluate.py` ended with exit code 1; its last line was: no such metric" in failed["error"]["message"]
    )
    tested.release(2, **evaluate("time.sleep(60)"))
    tested.settings("  timeout: 2m\n", "  timeout: 3s\n")
    tested.ok("build")
    late = tested.run("test")
    assert late["code"] == 3
    assert "was ended after its time limit" in late["error"]["message"]
    wait_for(lambda: nothing_left(tested))


def test_evaluation_code_beside_the_release_is_sent_and_asked_about(tested: Deployed) -> None:
    """A test with other code is another question, and finds no Job of before."""
    tested.settings("  timeout: 2m\n", "  timeout: 2m\n  code: [evaluate.py, limits/]\n")
    limit = 'limit = float(open("limits/lowest").read()); print("limit", limit, flush=True)'
    tested.release(1, **evaluate(limit), **{"limits/lowest": "0.25\n"})
    assert "limit 0.25" in tested.ok("test")["err"]
    tested.mini.commit("another limit", **{"limits/lowest": "0.75\n"})
    assert "limit 0.75" in tested.ok("test", "--release", "1.0.0")["err"]


def test_shards_run_side_by_side_and_are_combined_by_the_teams_command(tested: Deployed) -> None:
    tested.settings("{namespace: ", f"{{shards: 3, combine: {sys.executable} combine.py, namespace: ")
    tested.release(1, **{"combine.py": COMBINE})
    done = tested.ok("test")
    assert round(done["metrics"]["accuracy"], 6) == 0.9
    assert "combining 1.0.0" in done["err"]
    assert {"[0] evaluating", "[1] evaluating", "[2] evaluating"} <= {line[:14] for line in done["err"].splitlines()}
    wait_for(lambda: nothing_left(tested))


def evaluating(tested: Deployed) -> bool:
    pods = tested.kubectl("get", "pod", "-o", "name").split()
    return bool(pods) and "evaluating" in tested.cluster.run("logs", "-n", tested.namespace, pods[0]).stdout


def test_a_build_that_was_killed_leaves_a_job_that_the_next_one_takes_up(tested: Deployed) -> None:
    tested.release(1, **evaluate("time.sleep(10)"))
    with running(tested, "test", lambda: evaluating(tested)) as first:
        first.kill()
    uid = tested.kubectl("get", "job", "-o", "jsonpath={.items[*].metadata.uid}")
    assert len(uid.split()) == 1
    done = tested.ok("test")
    assert "is there already: it is taken up" in done["err"]
    assert done["metrics"]["accuracy"] == 0.8
    assert done["err"].count("evaluating") == 1, "it ran once"
    wait_for(lambda: nothing_left(tested))


def test_a_build_that_is_told_to_end_removes_its_job(tested: Deployed) -> None:
    tested.release(1, **evaluate("time.sleep(60)"))
    with running(tested, "test", lambda: evaluating(tested)) as first:
        first.send_signal(signal.SIGTERM)
        first.wait(timeout=60)
    assert first.returncode == 128 + signal.SIGTERM, told(tested)
    wait_for(lambda: nothing_left(tested))


def test_a_job_that_somebody_removes_while_it_waits_for_a_node_ends_the_test(tested: Deployed) -> None:
    tested.settings("{namespace: ", "{resources: {cpu: '900'}, namespace: ")
    tested.release(1)
    with running(tested, "test", lambda: "waits for a node: " in told(tested)) as first:
        tested.kubectl("delete", "job", "--all")
        first.wait(timeout=60)
    assert first.returncode == 3, told(tested)
    assert "was removed by somebody else" in told(tested)


def test_pods_that_cannot_run_end_the_test_early_with_the_cause(tested: Deployed) -> None:
    nothing = f"{tested.cluster.registry}/nothing@sha256:{'0' * 64}"
    tested.settings("{namespace: ", f"{{image: '{nothing}', namespace: ")
    tested.release(1)
    failed = tested.run("test")
    assert failed["code"] == 3, failed["err"]
    assert "can't be pulled" in failed["error"]["message"]
    wait_for(lambda: nothing_left(tested))
    tested.settings(f"{{image: '{nothing}', ", "{resources: {memory: 24Mi}, ")
    tested.release(2, **evaluate('held = b"x" * (200 << 20)'))
    failed = tested.run("test")
    assert failed["code"] == 3, failed["err"]
    assert "perhaps for want of memory" in failed["error"]["message"] or "OOMKilled" in failed["error"]["message"]
    tested.kubectl("create", "quota", "none", "--hard=pods=0")
    tested.release(3)
    failed = tested.run("test")
    assert failed["code"] == 3, failed["err"]
    assert "gets no pods" in failed["error"]["message"]
    assert "exceeded quota" in failed["error"]["message"]


def test_a_quota_that_was_freed_stops_the_same_test_no_more(tested: Deployed) -> None:
    tested.release(1)
    tested.kubectl("create", "quota", "none", "--hard=pods=0")
    assert "exceeded quota" in tested.run("test")["error"]["message"]
    tested.kubectl("delete", "quota", "none")  # what was said of the first Job, of the same name, stays for an hour
    assert tested.ok("test")["metrics"]["accuracy"] == 0.8
