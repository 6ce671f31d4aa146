"""Weights that somebody swaps on their way from the test to the process that serves them (D10, B10)."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model_devops.content.cache import Cache
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


def test_D10_a_measurement_reads_every_byte_whatever_is_remembered_of_the_file(served):
    """The cache of hashes is any process's to write: a server's files are never taken from it."""
    served.release()
    ok(served.run("deploy", "production"))
    path = served.state("production") / "files" / "1" / "model" / "weights.safetensors"
    known = hashlib.sha256(path.read_bytes()).hexdigest()
    tamper(served, "production", 1)
    seen = Path(f"/proc/{served.run_state('production')['server']['pid']}/cwd/model/weights.safetensors")
    cache = Cache.open()
    cache.put([(one, path.stat(), known) for one in (path, seen)], started=2**62)
    assert cache.get(path, path.stat()) == known
    cache.close()
    assert not ok(served.run("status", "production"))["healthy"]
    assert ok(served.run("deploy", "production"))["changed"]


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


def change_code(served, number: int) -> None:
    """Append to the code in the copy that a revision runs from: what runs has loaded it already."""
    path = served.state() / "files" / str(number) / "serve.py"
    path.chmod(0o644)
    path.write_text(path.read_text() + "# changed\n")


def test_D10_code_changed_in_the_copy_is_told_by_status_and_rolled_out_anew_by_deploy(served):
    """The next restart would run it behind the right weights."""
    version = served.release()
    ok(served.run("deploy", "test"))
    change_code(served, 1)
    told = ok(served.run("status", "test"))["environments"][0]
    assert told["remarks"] == ["files beside the model's were changed: serve.py"]
    assert told["runs"] == "unknown", "not what was released"
    again = ok(served.run("deploy", "test"))
    assert (again["changed"], again["revision"]["number"], again["revision"]["version"]) == (True, 2, version)
    assert "files beside the model's were changed: serve.py" in again["notes"][0]
    assert "# changed" not in (served.state() / "files" / "2" / "serve.py").read_text()
    assert ok(served.run("status", "test"))["healthy"]


@pytest.mark.parametrize("how", ["changed", "gone", "a link", "a pipe", "one more", "a folder more"])
def test_D5_what_comes_back_runs_the_code_that_was_released(served, how):
    """Nothing is used again of a copy that was touched meanwhile."""
    first = served.release()
    ok(served.run("deploy", "test"))
    code, kept = served.state() / "files" / "1" / "serve.py", served.folder.parent / "kept"
    code.parent.chmod(0o755)
    before = code.read_bytes()
    if how == "changed":
        change_code(served, 1)
    elif how == "one more":
        (code.parent / "json.py").write_text("raise ImportError\n")
    elif how == "a folder more":
        (code.parent / "json").symlink_to(code.parent / "model")
    else:
        code.rename(kept)
        if how == "a link":
            code.symlink_to(kept)
        if how == "a pipe":
            os.mkfifo(code)
    served.release("seed: 2\nwrong: 1\n")
    failed = served.run("deploy", "test")
    assert failed["code"] == 5, failed["err"]
    assert served.get("/env")["MODEL_DEVOPS_VERSION"] == first
    assert (code.read_bytes(), code.is_symlink()) == (before, False)
    assert not (code.parent / "json").is_symlink()
    assert sorted(path.name for path in code.parent.glob("*.py")) == sorted(
        ["train.py", "evaluate.py", "serve.py", "model_digest.py"]
    )
    assert ok(served.run("status", "test"))["healthy"]


def test_D5_a_copy_that_is_as_it_was_released_is_used_again(served):
    served.release()
    ok(served.run("deploy", "test"))
    copy = served.state() / "files" / "1"
    before = copy.stat().st_ino
    served.release("seed: 2\nwrong: 1\n")
    assert served.run("deploy", "test")["code"] == 5
    assert copy.stat().st_ino == before
