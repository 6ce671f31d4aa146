"""Hashing: right, in constant memory, and never from a memory that could be wrong."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import pytest

from model_devops import progress
from model_devops.content import cache, hashing
from model_devops.content.hashing import hash_files
from model_devops.errors import RefusedError, UsageError


def reference(path):
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest(), len(data)


def at_rest(path):
    """Make a file old enough to be remembered, as only waiting does: its ctime can't be set."""
    time.sleep(max(0, cache.YOUNG / 1e9 + 0.1 - (time.time() - os.stat(path).st_ctime)))


def test_every_size_is_hashed_as_sha256sum_does(tmp_path):
    sizes = [0, 1, 255, hashing.BIG - 1, hashing.BIG, hashing.BIG + 1, 3 * hashing.BIG + 7]
    files = {}
    for size in sizes:
        files[str(size)] = tmp_path / str(size)
        files[str(size)].write_bytes(os.urandom(size))
    assert hash_files(files) == {name: reference(path) for name, path in files.items()}


def watch(monkeypatch, advance):
    """Have the progress of hashing told to `advance`; returns what is hashed, as it is begun."""
    begun = []

    def task(label, total):
        begun.append((label, total))
        return nullcontext(advance)

    monkeypatch.setattr(progress, "_watchers", [task])
    return begun


def test_progress_is_told_every_byte_and_never_by_two_threads_at_once(tmp_path, monkeypatch):
    files = {str(number): tmp_path / str(number) for number in range(6)}
    for path in files.values():
        path.write_bytes(bytes(2 * hashing.BIG))
    seen, inside = [], threading.Lock()

    def advance(count):
        assert inside.acquire(blocking=False)
        time.sleep(0.001)
        seen.append(count)
        inside.release()

    totals = watch(monkeypatch, advance)
    hash_files(files)
    assert totals == [("hashing", 12 * hashing.BIG)]
    assert sum(seen) == 12 * hashing.BIG


def test_memory_does_not_grow_with_the_file(tmp_path):
    with open(tmp_path / "big", "wb") as stream:
        stream.truncate(256 << 20)
    code = (
        "import resource, sys, pathlib\n"
        "from model_devops.content.hashing import hash_files\n"
        "hash_files({}, cached=False)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "hash_files({'big': pathlib.Path(sys.argv[1])}, cached=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "big")]
    grown = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "python"}
    )
    assert int(grown.stdout) < 8 << 10  # KiB


def test_what_is_at_rest_is_remembered(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    at_rest(path)
    first = hash_files({"a": path})
    monkeypatch.setattr(hashing, "hash_file", lambda *_: pytest.fail("read again"))
    assert hash_files({"a": path}) == first
    with pytest.raises(pytest.fail.Exception):
        hash_files({"a": path}, cached=False)


def test_a_change_of_equal_size_and_set_back_mtime_is_seen(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    at_rest(path)
    hash_files({"a": path})
    status = path.stat()
    path.write_bytes(b"new")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hash_files({"a": path})["a"] == reference(path)


def test_a_fresh_file_is_not_remembered(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    status = path.stat()
    hash_files({"a": path})
    remembered = cache.Cache.open()
    assert remembered.get(path, status) is None


def test_a_file_that_changes_after_it_was_hashed_is_not_remembered_by_its_new_status(tmp_path, monkeypatch):
    """Other files of the same run may take minutes: the status must be that of when it was read."""
    path, late = tmp_path / "a", tmp_path / "late"
    path.write_bytes(b"old")
    late.write_bytes(bytes(hashing.BIG))
    at_rest(late)

    def advance(count):
        if count > 3 and path.read_bytes() == b"old":
            path.write_bytes(b"new")
            at_rest(path)

    watch(monkeypatch, advance)
    assert hash_files({"a": path, "late": late})["a"][0] == hashlib.sha256(b"old").hexdigest()
    assert hash_files({"a": path})["a"] == reference(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(bytes(2 * hashing.BIG))
    watch(monkeypatch, lambda _: path.open("ab").write(b"x"))
    with pytest.raises(RefusedError) as caught:
        hash_files({"a": path})
    assert caught.value.kind == "changed"


@pytest.mark.parametrize("damage", [b"no database", b"SQLite format 3\0" + bytes(4096)])
def test_a_broken_cache_is_made_anew(tmp_path, home, damage):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    at_rest(path)
    (home / "cache").mkdir(parents=True)
    (home / "cache/hashes.sqlite").write_bytes(damage)
    assert hash_files({"a": path})["a"] == reference(path)
    assert cache.Cache.open().get(path, path.stat()) == reference(path)[0]


def test_a_cache_folder_that_can_not_be_made_is_done_without(tmp_path, home):
    home.parent.mkdir(exist_ok=True)
    home.write_text("in the way")
    (tmp_path / "a").write_bytes(b"x")
    assert hash_files({"a": tmp_path / "a"})["a"] == reference(tmp_path / "a")


def test_two_processes_share_the_cache(tmp_path):
    for number in range(200):
        (tmp_path / str(number)).write_bytes(b"%d" % number)
    at_rest(tmp_path / "199")
    code = (
        "import sys, pathlib\nfrom model_devops.content.hashing import hash_files\n"
        "files = {path.name: path for path in pathlib.Path(sys.argv[1]).iterdir()}\n"
        "print(sorted(hash_files(files).items()) == sorted(hash_files(files, cached=False).items()))\n"
    )
    command, env = [sys.executable, "-c", code, str(tmp_path)], {**os.environ, "PYTHONPATH": "python"}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) for _ in range(4)]
    assert [process.communicate()[0] for process in both] == ["True\n"] * 4


def test_a_missing_file_and_a_symlink_are_usage_errors(tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("missing", "link"):
        with pytest.raises(UsageError):
            hash_files({name: tmp_path / name})
