"""Weights that somebody swaps on their way from the test to the process that serves them (D10, B10)."""

import json
import os
import signal
import subprocess
import sys

import pytest

from served import tamper, until


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def start(served, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "model_devops", "--json", *arguments]
    return subprocess.Popen(command, cwd=served.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def flip(path) -> bytes:
    """Change the last byte of a file; returns what it held."""
    before = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    return before


def test_B10_weights_swapped_in_the_workspace_after_the_test_are_not_what_is_deployed(served):
    version = served.release()
    ok(served.run("test"))
    flip(served.folder / "model" / "weights.safetensors")
    done = ok(served.run("deploy", "test", "--release", version))
    assert served.get("/model")["digest"] == done["release"]["artifacts"]["model"]
    assert served.run("verify", version)["code"] == 4, "and it is found where the workspace is asked"


def test_S1_weights_swapped_in_the_store_after_the_test_are_refused_and_nothing_is_stopped(served):
    first = served.release()
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    weights = (served.folder / "model" / "weights.safetensors").read_bytes()
    (blob,) = [path for path in (served.home / "stores").rglob("sha256/*") if weights in path.read_bytes()]
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes().replace(weights, weights[:-1] + b"\x01"))
    refused = served.run("deploy", "test", "--release", second)
    assert (refused["code"], refused["error"]["kind"]) == (4, "bytes-differ"), refused["err"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert [item["number"] for item in served.revisions()] == [1], "no revision was begun"
    assert sorted(os.listdir(served.state() / "files")) == ["1", "1.json"]
    assert ok(served.run("status", "test"))["healthy"]


@pytest.mark.parametrize(
    ("params", "swapped_back", "level"),
    [
        ("seed: 2\n", False, "proof measured"),
        ("seed: 2\n", True, "proof reported"),
        ("seed: 2\necho: 1\n", False, "proof measured"),
    ],
)
def test_D10_weights_swapped_in_the_copy_before_the_server_loads_them_are_found(
    served, tmp_path, params, swapped_back, level
):
    """Also by a server that echoes what it was told, and also where they are swapped back once they were loaded."""
    first = served.release()
    ok(served.run("deploy", "test"))
    waiting, go, loaded = (tmp_path / name for name in ("waiting", "go", "loaded"))
    wait = f"open({str(waiting)!r}, 'w')\nimport os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    server = (served.folder / "serve.py").read_text()
    load = "loaded = model_digest.digest('model')\n"
    assert load.replace("'", '"') in server
    hold = f"open({str(loaded)!r}, 'w')\nwhile os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    served.commit(**{"serve.py": wait + server.replace(load.replace("'", '"'), load + hold)})
    second = served.release(params)
    with start(served, "deploy", "test", "--release", second) as deploying:
        until(waiting.exists)
        path = served.state() / "files" / "2" / "model" / "weights.safetensors"
        before = flip(path)
        go.touch()
        until(loaded.exists)
        if swapped_back:
            path.write_bytes(before)
        go.unlink()
        answer, _ = deploying.communicate(timeout=60)
    failed = json.loads(answer)
    assert failed["exitCode"] == 5, failed
    assert level in failed["error"]["message"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert served.revisions()[-1]["status"] == "failed"


def test_D4_weights_swapped_under_an_echoing_server_are_found_by_the_next_deploy(served):
    served.release("seed: 1\necho: 1\n")
    ok(served.run("deploy", "test"))
    tamper(served, "test", 1)
    again = ok(served.run("deploy", "test"))
    assert (again["changed"], again["revision"]["number"]) == (True, 2)
    assert any("proof measured" in note for note in again["notes"])
    assert ok(served.run("status", "test"))["healthy"]


def test_D6_a_deploy_killed_while_its_server_starts_is_proved_by_the_next_one(served, tmp_path):
    served.release()
    ok(served.run("deploy", "test"))
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    served.commit(**{"serve.py": wait + (served.folder / "serve.py").read_text()})
    second = served.release("seed: 2\n")
    with start(served, "deploy", "test", "--release", second) as deploying:
        until(lambda: served.run_state().get("revision") == 2)
        deploying.send_signal(signal.SIGKILL)
    server = served.run_state()["server"]
    go.touch()
    again = ok(served.run("deploy", "test", "--release", second))
    assert (again["changed"], again["revision"]["number"]) == (False, 2)
    assert again["revision"]["proof"] == ["measured", "reported"]
    assert served.run_state()["server"] == server, "it was not started again"


def test_D10_a_copy_swapped_under_a_pending_revision_is_not_verified_by_the_next_run(served):
    first = served.release()
    ok(served.run("deploy", "test"))
    second = served.release("seed: 2\n")
    assert served.run("deploy", "test", MODEL_DEVOPS_CRASH_AT="rollout.after-apply")["code"] == -signal.SIGKILL
    until(served.answers)
    tamper(served, "test", 2)
    again = ok(served.run("deploy", "test", "--release", second))
    assert [item["status"] for item in served.revisions()] == ["verified", "interrupted", "verified"]
    assert served.revisions()[1]["restored"] == first
    assert again["revision"]["number"] == 3
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == second
