"""Rollouts that fail where what ran before can't come back: exit code 6, and the way out of it (D2, D5, D6)."""

import signal
import socket
from pathlib import Path

import psutil
import pytest

from served import of_home, tamper, until

GRAB = """\
import os, subprocess, sys
code = ("import os, socket, time; os.chdir('/'); s = socket.socket();"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1);"
        f"s.bind(('127.0.0.1', {os.environ['PORT']})); s.listen(); open({GRABBED!r}, 'w').write(str(os.getpid()));"
        "time.sleep(600)")
subprocess.Popen([sys.executable, "-c", code], env={}, start_new_session=True,
                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while not os.path.exists(GRABBED): pass
sys.exit(1)
"""


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def bytes_of_store(served, weights: bytes) -> Path:
    """The blob that holds these weights."""
    blobs = [path for path in (served.home / "stores").rglob("sha256/*") if weights in path.read_bytes()]
    assert len(blobs) == 1
    return blobs[0]


def lose(served, tmp_path) -> tuple[Path, Path]:
    """Change the copy that serves in production, and take its bytes out of the store. Returns where and whereto."""
    path = served.state("production") / "files" / "1" / "model" / "weights.safetensors"
    blob = bytes_of_store(served, path.read_bytes())
    tamper(served, "production", 1)
    blob.rename(tmp_path / "away")
    return blob, tmp_path / "away"


def is_said_to_be_broken(served, first: str, words: str) -> None:
    """What the environment's record, status and history say while nothing runs that should."""
    assert not served.answers("production")
    assert not of_home(served.home), "what was not proved does not serve"
    told = ok(served.run("status", "production"))
    assert not told["healthy"]
    seen = told["environments"][0]
    assert (seen["revision"]["version"], seen["observed"]["running"]) == (first, False), "D2, and what is"
    assert any(item.startswith("it does not run") for item in seen["remarks"])
    assert any("could not be brought back" in item and words in item for item in seen["remarks"])
    newest = ok(served.run("history", "production"))["history"][0]
    assert words in newest["broken"]
    assert newest["restored"] is None


def is_healed_by(served, *arguments: str) -> None:
    healed = ok(served.run("deploy", "production", *arguments))
    assert healed["changed"]
    assert served.get("/env", "production")["MODEL_DEVOPS_VERSION"] == healed["release"]["version"]
    told = ok(served.run("status", "production"))
    assert told["healthy"], told["warnings"]
    assert "pending" not in {item["status"] for item in served.revisions("production")}


def test_D5_bytes_that_are_gone_everywhere_end_in_6_and_can_be_healed(served, tmp_path):
    first = served.release()
    ok(served.run("deploy", "production"))
    blob, away = lose(served, tmp_path)
    served.release("seed: 2\nwrong: 1\n")
    failed = served.run("deploy", "production")
    assert (failed["code"], failed["status"], failed["error"]["kind"]) == (6, "broken", "broken"), failed["err"]
    message = failed["error"]["message"]
    assert "GET /predict gave 500" in message, "the first cause"
    assert f"{first} could not be brought back: " in message
    assert "nothing runs now" in message
    assert f"model-devops deploy production --release {first}" in failed["error"]["hint"]
    assert (failed["revision"]["status"], failed["revision"].get("restored")) == ("failed", None)
    assert (served.folder / failed["reports"][0]["path"]).is_file()
    is_said_to_be_broken(served, first, failed["revision"]["broken"])
    again = served.run("deploy", "production")
    assert again["code"] == 6, "nothing was healed meanwhile"
    away.rename(blob)
    is_healed_by(served, "--release", first)


def test_D5_a_port_that_somebody_took_meanwhile_ends_in_6(served, tmp_path):
    first = served.release()
    ok(served.run("deploy", "production"))
    grabbed = tmp_path / "grabbed"
    served.commit(**{"serve.py": GRAB.replace("GRABBED", repr(str(grabbed)))})
    served.release()
    failed = served.run("deploy", "production")
    try:
        assert failed["code"] == 6, failed["err"]
        port = served.ports["production"]
        assert f"127.0.0.1:{port} is held by " in failed["revision"]["broken"]
        assert grabbed.read_text() in failed["revision"]["broken"]
        refused = served.run("deploy", "production", "--release", first)
        assert (refused["code"], refused["error"]["kind"]) == (4, "address-taken"), "no rollout into a known failure"
    finally:
        psutil.Process(int(grabbed.read_text())).kill()
    until(lambda: socket.socket().connect_ex(("127.0.0.1", port)))
    is_said_to_be_broken(served, first, "is held by")
    is_healed_by(served, "--release", first)


def test_D5_what_came_back_is_proved_and_does_not_serve_where_it_says_that_it_loaded_others(served, tmp_path):
    said = tmp_path / "said"
    server, load = (served.folder / "serve.py").read_text(), 'loaded = model_digest.digest("model")\n'
    other = f'if os.path.exists({str(said)!r}): loaded = "sha256:" + "1" * 64\n'
    served.commit(**{"serve.py": server.replace(load, load + other)})
    first = served.release()
    ok(served.run("deploy", "production"))
    served.commit(**{"serve.py": f"import sys\nopen({str(said)!r}, 'w').close()\nsys.exit('not me')\n"})
    served.release()
    failed = served.run("deploy", "production")
    assert failed["code"] == 6, failed["err"]
    is_said_to_be_broken(served, first, "proof reported")
    said.unlink()
    is_healed_by(served, "--release", first)


def test_D5_a_runtime_that_can_not_be_made_again_ends_in_6(served):
    model = (served.folder / "model.yaml").read_text()
    with_runtime = model.replace("params: params.yaml", "params: params.yaml\n  runtime: requirements.txt")
    served.commit(**{"model.yaml": with_runtime, "requirements.txt": ""})
    first = served.release()
    ok(served.run("deploy", "production"))
    served.commit(**{"model.yaml": model})
    served.release("seed: 2\ncrash: 1\n")
    runtimes = served.home / "cache" / "runtimes"
    runtimes.rename(runtimes.with_name("away"))
    runtimes.write_text("a file is in the way")
    failed = served.run("deploy", "production")
    assert failed["code"] == 6, failed["err"]
    assert "cannot load the model" in failed["error"]["message"]
    is_said_to_be_broken(served, first, str(runtimes))
    runtimes.unlink()
    is_healed_by(served, "--release", first)


def test_D6_a_killed_run_whose_way_back_is_gone_ends_in_6_once(served, tmp_path):
    first = served.release()
    ok(served.run("deploy", "production"))
    second = served.release("seed: 2\nwrong: 1\n")
    killed = served.run("deploy", "production", MODEL_DEVOPS_CRASH_AT="rollout.after-apply")
    assert killed["code"] == -signal.SIGKILL
    blob, away = lose(served, tmp_path)
    failed = served.run("deploy", "production", "--release", second)
    assert failed["code"] == 6, failed["err"]
    assert (failed["revision"]["number"], failed["revision"]["status"]) == (2, "interrupted")
    is_said_to_be_broken(served, first, failed["revision"]["broken"])
    away.rename(blob)
    is_healed_by(served, "--release", first)


def test_D5_what_ran_before_comes_back_from_its_copy_without_any_store(served, tmp_path):
    first = served.release()
    ok(served.run("deploy", "production"))
    served.release("seed: 2\nwrong: 1\n")
    taker = served.folder / "serve.py"
    stores = served.home / "stores"
    away = f"import os; os.path.exists({str(stores)!r}) and os.rename({str(stores)!r}, {str(tmp_path / 'away')!r})\n"
    served.commit(**{"serve.py": away + taker.read_text()})  # the new server itself takes the store away
    served.release("seed: 3\nwrong: 1\n")
    failed = served.run("deploy", "production")
    (tmp_path / "away").rename(stores)
    assert failed["code"] == 5, failed["err"]
    assert served.get("/env", "production")["MODEL_DEVOPS_VERSION"] == first


@pytest.mark.parametrize("verb", ["stop", "rollback"])
def test_D8_other_ways_out_of_6(served, tmp_path, verb):
    first = served.release()
    ok(served.run("deploy", "production"))
    served.release("seed: 2\n")
    ok(served.run("deploy", "production"))
    path = served.state("production") / "files" / "2" / "model" / "weights.safetensors"
    blob = bytes_of_store(served, path.read_bytes())
    tamper(served, "production", 2)
    blob.rename(tmp_path / "away")
    served.release("seed: 3\nwrong: 1\n")
    assert served.run("deploy", "production")["code"] == 6
    done = ok(served.run(verb, "production"))
    assert done["revision"].get("version") == (first if verb == "rollback" else None)
    assert ok(served.run("status", "production"))["healthy"]


def test_two_environments_never_share_a_folder(served, home):
    """`a-b` + `c` and `a` + `b-c` are two."""
    from model_devops.deploy.open import local_folder

    assert local_folder("a-b", "c") != local_folder("a", "b-c")
    assert local_folder("a", "b") == home / "environments" / "a" / "b"
