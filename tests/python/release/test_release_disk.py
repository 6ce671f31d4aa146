"""A full disk and a read-only store end in plain words and leave nothing half (real file systems)."""

import os
import subprocess
import sys
from pathlib import Path

from lacking import in_namespace
from small_disk import on_small_disk

INSIDE = """
import subprocess, sys
from pathlib import Path
from release_samples import LAYOUT, built, record_for, some_sources, write_files
from model_devops.errors import ModelDevopsError
from model_devops.release.layout import LayoutStore

mount, work = Path(sys.argv[1]), Path(sys.argv[2])

def ending(action):
    try:
        return action()
    except ModelDevopsError as error:
        return f"{int(error.code)} {error.kind}: {error.message} -- {error.hint}"

sources = some_sources(work)
store = LayoutStore(mount / "store")
"""
FULL = """
big = {"model": write_files(work / "big", {"weights.bin": bytes(8 << 20)})}
many = {"dataset": write_files(work / "many", {str(n): bytes(50_000) for n in range(100)})}
print(ending(lambda: store.put_files(big, LAYOUT)))
print(ending(lambda: store.put_files(many, LAYOUT)))
left = sorted(path.name for path in mount.rglob("*") if path.is_file())
print(left)
stored = store.name(store.put_files(sources, LAYOUT), record_for(sources))
(mount / "filler").write_bytes(b"")
with open(mount / "filler", "ab", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
print(ending(lambda: store.add_evidence(stored.digest, built())))
print(ending(lambda: store.materialise(stored, mount / "out")))
(mount / "filler").unlink()
print(sorted(path.name for path in mount.iterdir()))
store.add_evidence(stored.digest, built())
print(store.verify(stored), store.problems(), len(store.evidence()))
"""
READ_ONLY = """
stored = store.name(store.put_files(sources, LAYOUT), record_for(sources))
subprocess.run(["mount", "-o", "remount,ro", "none", str(mount)], check=True)
store = LayoutStore(mount / "store")
print(ending(lambda: store.put_files(sources, LAYOUT)))
print(ending(lambda: store.add_evidence(stored.digest, built())))
print(ending(lambda: store.materialise(stored, mount / "out")))
store.materialise(store.find("1.0.0"), work / "out")
print(store.verify(stored), (work / "out" / "train.py").read_text())
"""


def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path) -> None:
    big, many, left, evidence, out, after, verified = on_small_disk(tmp_path, INSIDE + FULL)
    for line in (big, many, evidence, out):
        assert line.startswith("8 disk-full: the disk is full")
        assert "free " in line
        assert str(tmp_path / "mount") in line
    assert left == "['.lock', 'index.json', 'oci-layout']"
    assert after == "['store']"
    assert verified == "[] [] 1"


def test_a_read_only_store_can_be_read_and_says_that_it_can_not_be_written(tmp_path: Path) -> None:
    put, evidence, out, *read = on_small_disk(tmp_path, INSIDE + READ_ONLY)
    for line in (put, evidence, out):
        assert line.startswith("2 read-only: ")
        assert str(tmp_path / "mount") in line
    assert read == ["[] print()", ""]


FORBIDDEN = """
stored = store.name(store.put_files(sources, LAYOUT), record_for(sources))
store.blobs.folder.chmod(0o555)
print(ending(lambda: LayoutStore(store.folder).add_evidence(stored.digest, built())))
store.blobs.folder.chmod(0o755)
"""


def test_a_folder_without_the_right_to_write_is_said(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    #: Root may write everywhere, but not in a namespace that doesn't know who root is.
    command = in_namespace("--user") if os.geteuid() == 0 else []
    command += [sys.executable, "-c", INSIDE + FORBIDDEN, str(tmp_path), str(tmp_path / "work")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout.startswith(f"2 read-only: {tmp_path / 'store'}"), ended.stdout + ended.stderr
