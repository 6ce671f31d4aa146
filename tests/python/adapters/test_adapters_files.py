"""Files that are either the old or the new version, and leave nothing beside them."""

import os
import stat
import time
from pathlib import Path

import pytest

from model_devops.adapters.files import LEFTOVER_AGE, create_exclusive, sweep, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_S1_a_file_is_replaced_as_a_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "below" / "a file"
    write_atomic(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    write_atomic(path, b"new", mode=0o600)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert names(path.parent) == ["a file"]


def test_S1_a_write_that_fails_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path / "a folder", b"data")
    assert names(tmp_path) == ["a folder"]


def test_S1_of_two_who_create_a_file_the_first_one_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "below" / "a file"
    assert create_exclusive(path, b"first")
    assert not create_exclusive(path, b"second")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"first", 0o644)
    assert names(path.parent) == ["a file"]


def test_S1_what_killed_processes_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    for name in (".tmp-old", ".tmp-young", "precious"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".tmp-folder" / "below").mkdir(parents=True)
    (tmp_path / ".tmp-link").symlink_to(tmp_path / "precious")
    for path in tmp_path.iterdir():
        if path.name != ".tmp-young":
            os.utime(path, (time.time() - LEFTOVER_AGE - 60,) * 2, follow_symlinks=False)
    sweep(tmp_path)
    assert names(tmp_path) == [".tmp-young", "precious"]
    sweep(tmp_path, age=0)
    assert names(tmp_path) == ["precious"]
    sweep(tmp_path / "no such folder")


def test_S1_young_files_that_lie_in_the_future_by_their_clock_go_where_nobody_else_writes(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1").write_bytes(b"half")
    os.utime(tmp_path / ".tmp-1", (time.time() + 3600,) * 2)
    sweep(tmp_path, age=0)
    assert names(tmp_path) == []
