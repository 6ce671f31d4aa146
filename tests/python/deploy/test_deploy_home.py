"""A data folder that can't be used: the message names it, the variable that names it, and what to do (S1, P4)."""

import json
from pathlib import Path

import pytest

from served import Served
from small_disk import on_small_disk

CHANGING = (("deploy", "test"), ("stop", "test"), ("rollback", "test"))
LOOKING = (("status", "test"), ("history", "test"))

INSIDE = """
import json, os, subprocess, sys
from pathlib import Path
mount, work, steps = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
os.environ["MODEL_DEVOPS_HOME"] = str(mount / "home")
from served import make_served

served = make_served(work / "a model")
def tell(*arguments):
    done = served.run(*arguments)
    error = done["error"] or {}
    told = {name: error.get(name) for name in ("kind", "message", "hint")}
    print(json.dumps(told | {"verb": arguments[0], "code": done["code"], "warnings": done["warnings"]}), flush=True)

def mounted(*how):
    subprocess.run([*how, str(mount / "home")], check=True)

served.release()
assert served.run("deploy", "test")["code"] == 0
try:
    # the server writes its log there: only a second mount can be made read-only
    mounted("mount", "--bind", str(mount / "home"))
    mounted("mount", "-o", "remount,bind,ro")
    for step in steps:
        tell(*step)
    mounted("umount")
    with open(mount / "filler", "ab", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
    for step in steps:
        tell(*step)
finally:
    (mount / "filler").unlink(missing_ok=True)
    assert served.answers(), "nothing was changed"
    assert served.run("stop", "test")["code"] == 0
"""


def test_a_read_only_and_a_full_data_folder_are_named_with_what_to_do(tmp_path: Path) -> None:
    lines = on_small_disk(tmp_path, INSIDE, json.dumps([*CHANGING, *LOOKING]), megabytes=16)
    told = [json.loads(line) for line in lines]
    home = str(tmp_path / "mount" / "home")
    for done in told[:3]:
        assert (done["code"], done["kind"]) == (2, "data-folder"), done
        assert done["message"].startswith(f"{home}, where stores and environments are kept, can't be used: ")
        assert done["hint"].startswith("make it a folder that you may write to and run this again. MODEL_DEVOPS_HOME")
    for done in told[3:5]:  # what is there can be read; what the store beside git lacks is no secret
        assert done["code"] == 0, done
        assert any(f"{home} can't be written to (" in text and "MODEL_DEVOPS_HOME" in text for text in done["warnings"])
    for done in told[5:8]:
        assert (done["code"], done["kind"]) == (8, "disk-full"), done
        assert home in done["message"]
        assert done["hint"].startswith("free some space there and run this again. MODEL_DEVOPS_HOME")
    assert [done["code"] for done in told[8:]] == [0, 0]


@pytest.mark.parametrize("where", ["", "environments", "environments/mini"])
def test_a_file_where_the_data_folder_belongs_is_named_with_what_to_do(served: Served, where: str) -> None:
    served.release()
    assert served.run("deploy", "test")["code"] == 0
    place = served.home / where
    away = place.rename(served.home.with_name("away"))
    place.write_text("a file is in the way")
    try:
        for verb in ("deploy", "plan", "stop", "rollback", "status", "history", "adopt", "unblock", "approve"):
            reason = () if verb in ("plan", "status", "history", "deploy") else ("--reason", "why")
            done = served.run(verb, "test", *reason)
            assert (done["code"], done["error"]["kind"]) == (2, "data-folder"), (verb, done["err"])
            assert str(served.home) in done["error"]["message"]
            assert str(place) in done["error"]["message"], "which file it is"
            assert "MODEL_DEVOPS_HOME" in done["error"]["hint"]
        assert served.run("build")["code"] == 0, "a build keeps its release elsewhere"
    finally:
        place.unlink()
        away.rename(place)
    assert served.run("status", "test", "--check")["code"] == 0
