"""What the target `local` measures, and what it ends (D6, D10)."""

import os
import signal
from pathlib import Path

import psutil

from lacking import in_namespace
from model_devops.content.digest import digest
from model_devops.content.hashing import hash_files
from model_devops.deploy.local.copies import Copy, measure
from served import of_home, until


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def written(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_D10_all_that_lies_in_the_models_folder_is_measured_but_what_belongs_to_others(tmp_path: Path) -> None:
    written(tmp_path, "model/a.bin", "model/deep/er/b.bin", "model/both.txt", "model/serve.py", "params.yaml")
    names = ["a.bin", "both.txt", "deep/er/b.bin"]
    copy = Copy(
        root="model",
        model=names,
        others=["model/both.txt", "model/serve.py", "params.yaml"],
        ignore=[],
        identity={},
        venv=None,
    )
    expected = digest(hash_files({name: tmp_path / "model" / name for name in names}, cached=False), [])
    assert measure(tmp_path, copy) == expected
    written(tmp_path, "model/deep/more.bin")
    assert measure(tmp_path, copy) != expected, "a file too many, however deep"
    (tmp_path / "model" / "deep" / "more.bin").unlink()
    (tmp_path / "model" / "deep" / "er" / "b.bin").unlink()
    assert measure(tmp_path, copy) != expected, "a file is missing"


def test_D10_the_model_is_measured_as_the_process_that_serves_sees_it(served, tmp_path):
    """It has mounted other weights over them, for itself alone, and says of itself what it was told."""
    own = " ".join(in_namespace("--user", "--map-root-user", "--mount"))
    other = tmp_path / "other"
    written(other, "weights.safetensors")
    text = (served.folder / "model.yaml").read_text()
    command = next(line for line in text.splitlines() if line.startswith("  command: "))
    serve = command.removeprefix("  command: ")
    mounting = f"  command: \"true; {own} sh -c 'mount --bind {other} model && {serve}'; true\""
    served.commit(**{"model.yaml": text.replace(command, mounting.replace("\\", "\\\\"))})
    server = served.folder / "serve.py"
    seen = tmp_path / "seen"
    note = f"open({str(seen)!r}, 'w').write(open('model/weights.safetensors').read())\n"
    served.commit(**{"serve.py": note + server.read_text()})
    served.release("seed: 1\necho: 1\n")
    failed = served.run("deploy", "test")
    assert seen.read_text() == "weights.safetensors", "it served others"
    assert failed["code"] == 5, failed["err"]
    assert "proof measured" in failed["error"]["message"]


def test_D6_a_killed_stop_is_not_done_while_a_process_of_the_server_is_left(served, home):
    text = (served.folder / "model.yaml").read_text()
    served.commit(**{"model.yaml": text.replace("command: exec ", "command: setsid sleep 300 & exec ")})
    served.release()
    ok(served.run("deploy", "test"))
    assert served.run("stop", "test", MODEL_DEVOPS_CRASH_AT="rollout.before-apply")["code"] == -signal.SIGKILL
    state = served.run_state()
    for name in ("supervisor", "server"):
        os.kill(state[name]["pid"], signal.SIGKILL)
    until(lambda: [process.name() for process in of_home(home)] == ["sleep"])
    assert not psutil.pid_exists(state["server"]["pid"]) or not served.answers()
    ok(served.run("stop", "test"))
    assert not of_home(home)
    assert [item["status"] for item in served.revisions()] == ["verified", "interrupted", "verified"]
