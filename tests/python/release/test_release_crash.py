"""`kill -9` at every named point, and writers at the same time: a rerun succeeds and the store verifies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mini_project import Mini, mini  # noqa: F401  fixture
from model_devops import faults
from model_devops.release.layout import LayoutStore

POINTS = [point for point in faults.POINTS if point.startswith(("store.", "file."))]
SCRIPT = """
import os, sys
from pathlib import Path
from release_samples import LAYOUT, built, crash_sources, record_for
from model_devops.release.layout import LayoutStore
folder, stage, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
sources, store = crash_sources(folder / "work"), LayoutStore(folder / "store")
def step(name, action):
    if name == stage:
        os.environ["MODEL_DEVOPS_CRASH_AT"] = point
    result = action()
    os.environ.pop("MODEL_DEVOPS_CRASH_AT", None)
    return result
packed = step("put", lambda: store.put_files(sources, LAYOUT))
stored = step("name", lambda: store.name(packed, record_for(sources)))
step("evidence", lambda: store.add_evidence(stored.digest, built()))
print(stored.digest)
"""
#: The points that each stage comes by. Together they are all of them (see the first test).
BLOB = ("store.mid-blob", "store.before-blob-rename")
FILE = ("file.before-write", "file.before-rename", "file.after-rename")
LISTED = (*BLOB, "store.before-manifest", "store.before-index", *FILE, "store.after-index")
STAGES = {"put": ("store.before-blobs", *BLOB, *FILE), "name": LISTED, "evidence": LISTED}
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(sys.path)}


def run(folder: Path, stage: str, point: str) -> subprocess.CompletedProcess[str]:
    """One writer, which dies at this point of this stage."""
    command = [sys.executable, "-c", SCRIPT, str(folder), stage, point]
    return subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)


def test_every_crash_point_of_store_and_files_is_tried() -> None:
    assert {point for points in STAGES.values() for point in points} == set(POINTS)


@pytest.mark.parametrize(("stage", "point"), [(stage, point) for stage, points in STAGES.items() for point in points])
def test_after_a_kill_a_rerun_succeeds_and_the_store_verifies(tmp_path: Path, stage: str, point: str) -> None:
    killed = run(tmp_path, stage, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = LayoutStore(tmp_path / "store")
    assert left.problems() == []
    assert all(left.verify(stored) == [] for stored in left.releases())
    again = run(tmp_path, "", "")
    assert again.returncode == 0, again.stderr
    store = LayoutStore(tmp_path / "store")
    (stored,) = store.releases()
    assert stored.digest == again.stdout.strip()
    assert store.verify(stored) == store.problems() == []
    assert len(store.evidence(stored.digest)) in (1, 2)
    assert json_of(tmp_path)["imageLayoutVersion"] == "1.0.0"


def json_of(folder: Path) -> dict[str, str]:
    import json

    loaded: dict[str, str] = json.loads((folder / "store" / "oci-layout").read_text())
    return loaded


def test_S4_fifty_processes_at_once_lose_no_statement_and_no_revocation(mini: Mini) -> None:  # noqa: F811
    assert mini.build()["code"] == 0
    words = [["store", "accept", "1.0.0", "--reason", f"word {number}", "--as", "ann"] for number in range(49)]
    words.insert(25, ["release", "revoke", "1.0.0", "--reason", "leaked data", "--as", "bob"])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "model_devops"]
    writers = [subprocess.Popen([*command, *line], cwd=mini.folder, **quiet) for line in words]
    assert [writer.wait() for writer in writers] == [0] * 50
    shown = mini.run("release", "show", "1.0.0")
    assert shown["state"] == ["revoked"]
    said = [item["body"] for item in shown["evidence"] if item["kind"] == "accepted"]
    assert {body["reason"] for body in said} == {f"word {number}" for number in range(49)}
    named = [digest for body in said for digest in body.get("supersedes", [])]
    assert len(named) == len(set(named)) == 48, "one line: each names the one before"
    assert mini.run("release", "verify")["code"] == 0


def test_V6_of_two_that_name_a_version_at_once_one_is_refused(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from release_samples import LAYOUT, record_for, some_sources
from model_devops.errors import RefusedError
from model_devops.release.layout import LayoutStore
sources, store = some_sources(Path(sys.argv[2]), sys.argv[3].encode()), LayoutStore(Path(sys.argv[1]))
packed = store.put_files(sources, LAYOUT)
try:
    print(store.name(packed, record_for(sources)).digest)
except RefusedError as error:
    sys.exit(error.kind)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "store")]
    writers = [
        subprocess.Popen(
            [*command, str(tmp_path / f"{n}"), f"{n}"],
            env=os.environ | ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    ends = [(writer.communicate(), writer.returncode) for writer in writers]
    won = [out for (out, _), code in ends if code == 0]
    assert len(won) == 1
    assert [err.strip() for (_, err), code in ends if code] == ["other-content"] * 3
    (stored,) = LayoutStore(tmp_path / "store").releases()
    assert stored.digest == won[0].strip()
