"""What runs inside of a Job's pod, as processes of this machine: the commands' own, and what is asked beside it."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from model_devops.runtime.jobs import scripts

OWN = ".model-devops-job"
INSIDE = Path(scripts.__file__).with_name("inside.py")
EVERY = [INSIDE.read_text(), *(getattr(scripts, name) for name in dir(scripts) if name.isupper())]


def asked(script: str, work: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", script, str(work), *arguments], input=stdin, check=True, stdout=subprocess.PIPE
    )
    return done.stdout


def packed(**files: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


def started(work: Path, wait: float) -> subprocess.Popen[bytes]:
    environment = {"MODEL_DEVOPS_WORK": str(work), "MODEL_DEVOPS_WAIT": str(wait), "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, str(INSIDE)], env=environment, stdout=subprocess.PIPE)


@pytest.mark.parametrize("source", EVERY)
def test_an_older_python_of_the_image_will_do(source: str) -> None:
    """3.6: the syntax, and no annotation that only newer ones can evaluate."""
    tree = ast.parse(source, feature_version=(3, 6))
    notes = [one for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for one in (node.returns,) if one]
    notes += [node.annotation for node in ast.walk(tree) if isinstance(node, ast.arg) and node.annotation]
    assert not [ast.unparse(one) for one in notes if isinstance(one, (ast.Subscript, ast.BinOp))]


def test_of_two_who_send_the_first_that_is_ready_counts_and_nothing_is_left(tmp_path: Path) -> None:
    tar = packed(**{"a b.txt": "x"})
    for user in ("one", "two"):
        assert asked(scripts.TAKE, tmp_path, user, stdin=tar).decode().strip() == hashlib.sha256(tar).hexdigest()
    assert not (tmp_path / "files").exists()
    wanted = json.dumps({"commands": ["cat 'a b.txt'"], "seconds": 9})
    for user in ("two", "one"):
        asked(scripts.START, tmp_path, user, wanted)
    assert sorted(path.name for path in tmp_path.iterdir()) == [OWN, "files"]
    assert (tmp_path / "files" / "a b.txt").read_text() == "x"
    assert json.loads((tmp_path / OWN / "start").read_text())["seconds"] == 9


def test_it_waits_as_long_as_somebody_is_heard_of_and_ends_when_all_have_left(tmp_path: Path) -> None:
    with started(tmp_path, 1.5) as process:
        for _ in range(5):  # sending takes longer than it would wait alone
            asked(scripts.LOOK, tmp_path, "one")
            time.sleep(0.5)
        assert process.poll() is None
        asked(scripts.TAKE, tmp_path, "one", stdin=packed(a="1"))
        wanted = {"commands": ["echo 'said'; exec sh -c 'exit 3'", "echo never"], "seconds": 9}
        asked(scripts.START, tmp_path, "one", json.dumps(wanted))
        while asked(scripts.LOOK, tmp_path, "one").split() != [b"start", b"result"]:
            time.sleep(0.1)
        asked(scripts.LOOK, tmp_path, "two")
        (ended,) = json.loads(asked(scripts.RESULT, tmp_path))
        assert (ended["code"], ended["tail"], ended["late"]) == (3, "said\n", False)
        assert asked(scripts.LEAVE, tmp_path, "one", "30").split() == [b"1"]
        assert process.poll() is None, "two may want to fetch"
        assert asked(scripts.LEAVE, tmp_path, "two", "30").split() == [b"0"]
        assert process.wait(timeout=5) == 0


def test_it_ends_when_nobody_is_heard_of_any_more(tmp_path: Path) -> None:
    with started(tmp_path, 0.5) as process:
        assert process.wait(timeout=10) == 1
    (tmp_path / OWN / "users").mkdir()
    (tmp_path / OWN / "users" / "killed").touch()
    os.utime(tmp_path / OWN / "users" / "killed", (1, 1))
    assert asked(scripts.LEAVE, tmp_path, "one", "30").split() == [b"0"], "one that was killed long ago"


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    asked(scripts.TAKE, tmp_path, "one", stdin=packed(a="1"))
    with started(tmp_path, 1) as process:
        asked(scripts.START, tmp_path, "one", json.dumps({"commands": ["sleep 60 & sleep 60; echo"], "seconds": 0.5}))
        assert process.wait(timeout=20) == 0
    (ended,) = json.loads((tmp_path / OWN / "result").read_text())
    assert (ended["code"], ended["late"]) == (-9, True)


def test_files_are_listed_by_kind_and_given_from_any_byte_on(tmp_path: Path) -> None:
    folder = tmp_path / "files" / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"0123")
    (folder / "deep" / "ü b").write_bytes(b"456")
    (folder / "empty").touch()
    (folder / "link").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    listed = json.loads(asked(scripts.LIST, tmp_path, json.dumps(["model", "absent", "model/a"])))
    names = {(name, size, kind) for name, size, kind in listed if kind != "link"}
    assert names == {
        ("model/a", 4, "file"), ("model/deep/ü b", 3, "file"), ("model/empty", 0, "file"), ("model/pipe", 0, "other"),
    }  # fmt: skip
    assert [name for name, _, kind in listed if kind == "link"] == ["model/link"]
    wanted = json.dumps([["model/a", 4], ["model/empty", 0], ["model/deep/ü b", 3]]).encode()
    for offset in range(8):
        done = subprocess.run(
            [sys.executable, "-c", scripts.GIVE, str(tmp_path), "one", str(offset)],
            input=wanted, check=True, capture_output=True,
        )  # fmt: skip
        assert done.stdout == b"0123456"[offset:]
        assert done.stderr.decode() == hashlib.sha256(b"0123456").hexdigest()
    short = json.dumps([["model/a", 5]]).encode()
    done = subprocess.run(
        [sys.executable, "-c", scripts.GIVE, str(tmp_path), "one", "0"], input=short, check=False, capture_output=True
    )
    assert done.returncode == 1
    assert b"model/a became shorter" in done.stderr
