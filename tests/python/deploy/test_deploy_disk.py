"""A disk that is full before, during and after a rollout, on a real small file system (D1, D5)."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lacking import in_namespace

INSIDE = """
import json, os, sys
from pathlib import Path
from served import make_served, of_home, until

served = make_served(Path(sys.argv[2]) / "a model")
small = served.home / "environments"

def fill(folder=small):
    with open(folder / "filler", "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass

def make_room():
    (small / "filler").unlink()

def deploy(*arguments):
    return served.run("deploy", "test", *arguments)

def tell(result, **more):
    error = result.get("error") or {}
    numbers = [(item["number"], item["status"]) for item in served.revisions()]
    runs = served.get("/env")["MODEL_DEVOPS_VERSION"] if served.answers() else None
    said = {"code": result["code"], "kind": error.get("kind"), "message": error.get("message"),
            "warnings": result.get("warnings"), "numbers": numbers, "runs": runs}
    print(json.dumps(said | more), flush=True)

def files():
    return sorted(path.relative_to(small).as_posix() for path in small.rglob("*") if path.name != "filler")

def reaped(pid):
    # the page faults of children that were waited for: their count grows with each one
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[8])

def healthy():
    status = served.run("status", "test")
    return [status["healthy"], status["warnings"]]

try:
    served.release()
    SCRIPT
finally:
    (small / "filler").unlink(missing_ok=True)
    served.run("stop", "test")
    assert not of_home(served.home)
"""
#: What a new server does to the disk before it ends: the environment's own log and records are on it.
GREEDY = """
import os, sys
out = open(os.environ["FILLER"], "ab", buffering=0)
try:
    while True: out.write(bytes(4096))
except OSError: pass
"""


def on_small_disk(tmp_path: Path, script: str, size: str = "3m") -> list[dict]:
    """Run a script whose environments lie on a file system of their own; returns what it told."""
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "environments").mkdir(parents=True)
    work.mkdir()
    shell = f"mount -t tmpfs -o size={size} none '{home}/environments' && exec \"$@\""
    command = [*in_namespace("--user", "--map-root-user", "--mount"), "sh", "-c", shell, "sh"]
    indented = script.replace("\n", "\n    ")
    command += [sys.executable, "-c", INSIDE.replace("SCRIPT", indented), str(home), str(work)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "MODEL_DEVOPS_HOME": str(home)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_D1_a_disk_that_is_full_before_a_rollout_changes_nothing(tmp_path: Path) -> None:
    script = """
fill()
tell(deploy())
make_room()
tell(deploy())
second = served.release("seed: 2\\n")
fill()
before = files()
tell(deploy(), same=files() == before)
make_room()
tell(deploy(), healthy=healthy())
"""
    first, after, second, last = on_small_disk(tmp_path, script)
    assert (first["code"], first["kind"], first["numbers"]) == (8, "disk-full", [])
    assert (after["code"], after["numbers"], after["runs"]) == (0, [[1, "verified"]], "1.0.0")
    assert (second["code"], second["kind"]) == (8, "disk-full")
    assert (second["numbers"], second["runs"], second["same"]) == ([[1, "verified"]], "1.0.0", True)
    assert (last["code"], last["healthy"]) == (0, [True, []])


def test_D5_a_disk_that_fills_up_during_a_rollout_keeps_nothing_from_coming_back(tmp_path: Path) -> None:
    script = f"""
deploy()
filler = str(small / "filler")
taking = {GREEDY!r}.replace('os.environ["FILLER"]', repr(filler))
served.commit(**{{"serve.py": taking + "sys.exit('there is no room for me')"}})
served.release("seed: 2\\n")
tell(deploy(), full=os.statvfs(small).f_bavail)
make_room()
tell(deploy(), healthy=healthy())
"""
    failed, again = on_small_disk(tmp_path, script)
    assert (failed["code"], failed["runs"]) == (5, "1.0.0"), failed
    assert failed["numbers"] == [[1, "verified"], [2, "failed"]]
    assert failed["full"] < 100, "the disk was full indeed"
    assert again["code"] == 5
    assert again["numbers"] == [[1, "verified"], [2, "failed"], [3, "failed"]]
    assert again["healthy"] == [True, []]


def test_D2_a_revision_that_can_not_be_recorded_is_undone(tmp_path: Path) -> None:
    """The new server works and leaves no room: there would be no record of what runs."""
    script = f"""
deploy()
filler = str(small / "filler")
taking = {GREEDY!r}.replace('os.environ["FILLER"]', repr(filler))
served.commit(**{{"serve.py": taking + (served.folder / "serve.py").read_text()}})
second = served.release("seed: 2\\n")
tell(deploy())
make_room()
served.git("revert", "--no-edit", "HEAD~1")
served.build()
tell(deploy(), healthy=healthy())
"""
    failed, again = on_small_disk(tmp_path, script)
    assert (failed["code"], failed["runs"]) == (5, "1.0.0"), failed
    assert "it can't be recorded: No space left on device" in failed["message"]
    assert failed["numbers"] == [[1, "verified"], [2, "failed"]]
    assert (again["code"], again["numbers"][-1], again["healthy"]) == (0, [3, "verified"], [True, []])


def test_D6_a_failure_that_can_not_be_recorded_is_finished_by_the_next_run(tmp_path: Path) -> None:
    """Somebody takes even the room that was reserved: what ran before is running still, and nothing is half done."""
    script = f"""
deploy()
filler = str(small / "filler")
taking = {GREEDY!r}.replace('os.environ["FILLER"]', repr(filler))
served.commit(**{{"serve.py": "import os; os.unlink('../../run/reserve')\\n" + taking + "sys.exit('no room')"}})
second = served.release("seed: 2\\n")
tell(deploy())
make_room()
tell(deploy("--release", "1.0.0"), healthy=healthy())
"""
    failed, again = on_small_disk(tmp_path, script)
    assert failed["code"] == 6, failed
    assert "No space left on device" in failed["message"]
    assert failed["runs"] is None
    assert failed["numbers"] == [[1, "verified"], [2, "pending"]], "it could not be recorded"
    assert "revision 2 could not be recorded" in failed["message"]
    assert again["code"] == 0, again
    assert (again["runs"], again["healthy"]) == ("1.0.0", [True, []])
    assert again["numbers"] == [[1, "verified"], [2, "interrupted"]], "what ran before was brought back"


def test_a_server_that_crashes_while_the_disk_is_full_is_started_again_when_there_is_room(tmp_path: Path) -> None:
    script = """
import signal
deploy()
server, supervisor = (served.run_state()[name]["pid"] for name in ("server", "supervisor"))
fill()
os.kill(server, signal.SIGKILL)
until(lambda: not served.answers())
until(lambda: not Path(f"/proc/{server}").exists())
ended = reaped(supervisor)
until(lambda: reaped(supervisor) > ended, 30)  # an attempt that could not be recorded, too short to be seen itself
make_room()
until(served.answers, 60)  # pauses between attempts grow to 30 s
tell(deploy(), healthy=healthy())
"""
    (again,) = on_small_disk(tmp_path, script)
    assert (again["code"], again["numbers"], again["healthy"]) == (0, [[1, "verified"]], [True, []])
