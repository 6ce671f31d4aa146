"""Whole builds on a full disk and into a store that can't be written: plain words, nothing half, the next one fine."""

import json
from pathlib import Path

from small_disk import on_small_disk

BEGIN = """
import json, os, shutil, subprocess, sys
from pathlib import Path
from mini_project import make_mini
from model_devops.release.layout import LayoutStore

mount, work = Path(sys.argv[1]), Path(sys.argv[2])

def told(result, **more):
    error = result.get("error") or {}
    fields = {name: error.get(name) for name in ("kind", "message", "hint")}
    return fields | {"code": result["code"], "version": result.get("version"), "err": result["err"]} | more
"""

#: Workspace, git's files and store on one small disk that has less and less room for a build.
FULL = """
subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(work / "remote.git")], check=True)
mini = make_mini(mount / "a model")
mini.git("remote", "add", "origin", str(work / "remote.git"))
mini.git("push", "-q", "-u", "origin", "main")
os.environ["MODEL_DEVOPS_HOME"] = str(mount / "home")
mini.build()

def fill(free):
    with open(mount / "filler", "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
        filler.truncate(filler.tell() // 4096 * 4096 - free)

def damage():
    store = LayoutStore(next((mount / "home" / "stores").glob("*/mini")))
    return [*store.problems(), *(line for stored in store.releases() for line in store.verify(stored))]

for number, free in enumerate(range(0, 14 * 4096, 4096)):
    arguments = ["--param", f"seed={number + 100}"] if sys.argv[3:] == ["param"] else []
    mini.commit(**{"params.yaml": f"seed: {number + 2}\\n"})
    mini.git("push", "-q")
    fill(free)
    full = told(mini.build(*arguments), damage=damage())
    params = (mini.folder / "params.yaml").read_text() == f"seed: {number + 2}\\n"
    os.unlink(mount / "filler")
    again = told(mini.build(*arguments), damage=damage(), changed=mini.git("status", "--porcelain"))
    print(json.dumps({"free": free, "full": full, "params": params, "again": again}))
print(json.dumps(mini.git("ls-remote", "--tags", "--refs", "origin").split()[1::2]))
"""

READ_ONLY = """
mini = make_mini(work / "a model")
store = ["--store", str(mount / "store")]
print(json.dumps(told(mini.build(*store))))
subprocess.run(["mount", "-o", "remount,ro", "none", str(mount)], check=True)
for arguments in ([], ["--param", "seed=4"], ["--prerelease", "--param", "seed=5"]):
    print(json.dumps(told(mini.build(*arguments, *store))))
print(json.dumps([mini.trainings, mini.git("tag", "--list"), (mini.folder / "params.yaml").read_text()]))
print(json.dumps(told(mini.run("release", "verify", "1.0.0", *store))))
"""


#: Git's files on another disk than the workspace, so that nothing is renamed from one to the other.
APART = """
mini = make_mini(work / "a model")
shutil.move(mini.folder / ".git", mount / "git")
(mini.folder / ".git").write_text(f"gitdir: {mount / 'git'}")
print(json.dumps(told(mini.build("--param", "seed=7"))))
print(json.dumps([(mini.folder / "params.yaml").read_text(), mini.git("status", "--porcelain"), mini.trainings]))
"""


def rounds(tmp_path: Path, *arguments: str) -> tuple[list[dict], list[str]]:
    lines = on_small_disk(tmp_path, BEGIN + FULL, *arguments, megabytes=6)
    *found, tags = map(json.loads, lines)
    return found, tags


def check_full_disk(found: list[dict], tags: list[str]) -> set[str]:
    """Every round ended well; returns the kinds of errors that there were."""
    for one in found:
        full, again = one["full"], one["again"]
        assert full["code"] in (0, 3, 8), full
        assert full["kind"] in (None, "disk-full", "train-failed"), full
        assert "model_devops" not in full["err"], "no traceback of ours"
        assert one["params"], "B11: put back, also on a full disk"
        assert full["damage"] == again["damage"] == []
        assert (again["code"], again["changed"]) == (0, ""), again
    versions = [one["again"]["version"] for one in found]
    assert versions == [f"1.0.{number + 1}" for number in range(len(found))], "one each: nothing is lost or burnt"
    assert len(tags) == len(found) + 1
    assert found[0]["full"]["code"] == 8
    assert found[-1]["full"]["code"] == 0, "in the end there was room"
    return {one["full"]["kind"] for one in found}


def test_a_disk_that_fills_up_anywhere_in_a_build_is_said_and_loses_nothing(tmp_path: Path) -> None:
    found, tags = rounds(tmp_path)
    assert "disk-full" in check_full_disk(found, tags)


def test_B11_on_a_full_disk_the_parameters_are_put_back(tmp_path: Path) -> None:
    found, tags = rounds(tmp_path, "param")
    assert "disk-full" in check_full_disk(found, tags)
    assert str(tmp_path / "mount") in found[0]["full"]["message"], "which disk it is"


def test_a_store_that_can_not_be_written_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    first, *refused, state, verified = map(json.loads, on_small_disk(tmp_path, BEGIN + READ_ONLY))
    assert first["version"] == "1.0.0"
    for one in refused:
        assert (one["code"], one["kind"]) == (2, "read-only")
        assert str(tmp_path / "mount" / "store") in one["message"]
        assert one["hint"]
    assert state == [1, "mini@v1.0.0", "seed: 1\n"]
    assert verified["code"] == 0


def test_B11_with_gits_files_on_another_disk_the_parameters_are_put_back(tmp_path: Path) -> None:
    built, state = map(json.loads, on_small_disk(tmp_path, BEGIN + APART))
    assert built["version"] == "1.0.0", built["err"]
    assert state == ["seed: 1\n", "", 1]
