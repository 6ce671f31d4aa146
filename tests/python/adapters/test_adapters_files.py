"""Files that are either the old or the new version, and leave nothing beside them."""

import stat
from pathlib import Path

import pytest

from model_devops.adapters.files import create_exclusive, write_atomic


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
