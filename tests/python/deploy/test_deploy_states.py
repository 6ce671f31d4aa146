"""Pure parts: blocks, proof, smoke answers, the helper for servers, limited logs, the environment's lock."""

import os
import subprocess
import sys

import pytest

from model_devops.config.types import Smoke
from model_devops.content.digest import digest
from model_devops.content.hashing import hash_files
from model_devops.deploy import smoke, states
from model_devops.deploy.local import processes, supervisor
from model_devops.deploy.local.records import Records
from model_devops.deploy.local.target import LocalTarget
from model_devops.deploy.plan import changes
from model_devops.deploy.proof import prove
from model_devops.deploy.revision import Note, Place, Revision, Source
from model_devops.deploy.target import Observation
from model_devops.errors import BusyError
from model_devops.serving import model_digest


def revision(number: int, release: str | None, status: str = "verified", **more: object) -> Revision:
    return Revision(number=number, id=f"id{number}", status=status, action="deploy", release=release, **more)


def place(*notes: Note) -> Place:
    return Place(model="m", environment="e", source=Source(), notes=list(notes))


def test_D2_what_runs_is_the_newest_verified_revision():
    revisions = [revision(1, "a"), revision(2, "b"), revision(3, "c", "failed"), revision(4, "d", "interrupted")]
    assert states.current(revisions).number == 2
    assert states.current([]) is None


def test_D8_a_block_begins_when_the_rollback_is_verified_and_ends_with_a_later_unblock():
    pending = [revision(1, "a"), revision(2, "b"), revision(3, "a", "pending", replaces="b")]
    assert states.blocked(pending, place()) == {}
    verified = [*pending[:2], revision(3, "a", replaces="b")]
    assert list(states.blocked(verified, place())) == ["b"]
    lifted = place(Note(action="unblock", reason="r", release="b", revision=3))
    assert states.blocked(verified, lifted) == {}
    again = [*verified, revision(4, "b"), revision(5, "a", replaces="b")]
    assert list(states.blocked(again, lifted)) == ["b"]


@pytest.mark.parametrize(
    ("seen", "required", "levels", "problem"),
    [
        ({"measured": "x", "digest": "x"}, ["measured", "reported"], ["measured", "reported"], None),
        ({"measured": "x"}, ["measured"], ["measured"], None),
        ({"measured": "x"}, ["reported"], ["measured"], "reported is demanded"),
        ({"measured": "x", "digest": "y"}, ["measured"], ["measured"], "proof reported"),
        ({"measured": "y", "digest": "x"}, [], ["reported"], "proof measured"),
        ({"measured": "x", "foreign": "nginx"}, [], ["measured"], "nginx"),
        ({"measured": "x", "revision": 6}, [], ["measured"], "does not run"),
    ],
)
def test_D10_a_difference_always_fails_and_a_missing_level_only_where_demanded(seen, required, levels, problem):
    fields = {"running": True, "revision": 7, "ready": True} | seen
    proof = prove(Observation(**fields), revision(7, "a", model="x"), required)
    assert proof.levels == levels
    assert (problem in "; ".join(proof.problems)) if problem else proof.problems == []


@pytest.mark.parametrize(
    ("expect", "status", "text", "words"),
    [
        ({"a": 1}, 200, '{"a": 1, "b": 2}', None),
        ({"a": 1}, 200, '{"a": 2}', "a is 2, expected 1"),
        ({"a": 1}, 200, "<html>", "did not answer with JSON"),
        ([1], 200, "[1, 2]", "expected [1]"),
        (None, 200, "anything", None),
        (None, 500, "oh no", "gave 500: oh no"),
        (None, 0, "TimeoutError", "no answer"),
    ],
)
def test_smoke_answers(expect, status, text, words):
    found = smoke.wrong(Smoke(path="/p", expect=expect), status, text)
    assert (words in found[0]) if words else found == []


def test_C1_the_helper_for_servers_computes_the_same_digest(tmp_path):
    for name in ("weights.bin", "sub/Ä.txt", "sub/empty", 'quote".x', "z\u2028.x", "\U0001f600.x", "\uff5e.x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 3 if name != "sub/empty" else b"")
    files = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    expected = digest(hash_files(files, cached=False), ["*.log"])
    assert model_digest.digest(str(tmp_path), ["*.log"]) == expected
    loaded = model_digest.ModelDigest(["*.log"])
    for name, path in files.items():
        assert loaded.read(str(path), name) == path.read_bytes()
    assert loaded.digest == expected


def test_changes_name_what_differs():
    old = revision(1, "a", version="1.0.0", settings={"port": 1, "serve": {"command": "x", "ready": "/r"}})
    new = revision(2, "b", version="1.1.0", settings={"port": 2, "serve": {"command": "y", "ready": "/r"}})
    assert changes(old, new) == ["release: 1.0.0 → 1.1.0", "port: 1 → 2", "serve.command: x → y"]
    assert changes(old, old) == []
    assert changes(None, revision(1, "a", version="1.0.0", settings={"env": {}})) == ["release: nothing → 1.0.0"]


def test_changes_are_shown_as_they_could_stand_in_model_yaml():
    smoke = [{"method": "GET", "path": "/predict", "expect": {"ok": True, "city": "Köln"}}]
    old = revision(1, "a", version="1.0.0", settings={"env": {}, "serve": {"smoke": []}})
    new = revision(2, "a", version="1.0.0", settings={"env": {"A": "1"}, "serve": {"smoke": smoke}})
    shown = '[{"method": "GET", "path": "/predict", "expect": {"ok": true, "city": "Köln"}}]'
    assert changes(old, new) == ['env: none → {"A": "1"}', f"serve.smoke: none → {shown}"]


def test_a_log_keeps_a_limited_size(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 1000)
    log = supervisor.Log(tmp_path / "1.log")
    for number in range(500):
        log.write(f"line {number}\n".encode())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000
    assert (tmp_path / "1.log").read_text().endswith("line 499\n")


def test_D3_the_lock_ends_with_its_process_and_names_its_holder(tmp_path):
    records = Records("m test", tmp_path)
    code = (
        "import sys, pathlib; from model_devops.deploy.local.records import Records\n"
        "with Records('m test', pathlib.Path(sys.argv[1])).lock('Ada'): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(BusyError, match=r"m test is held by Ada since .*, until its process \d+ ends"),
            records.lock("Bob"),
        ):
            pass
        other.kill()
        other.wait()
        with records.lock("Bob"):
            assert "Bob" in (tmp_path / "holder.json").read_text()
        assert not (tmp_path / "holder.json").exists(), "else it would name him while the next one takes the lock"


def test_D3_a_record_is_only_changed_if_it_still_is_the_one_that_was_read(tmp_path):
    records = Records("m test", tmp_path)
    first = revision(1, "a", "pending")
    records.create(first)
    with pytest.raises(BusyError):
        records.create(first)
    done = revision(1, "a")
    records.change(first, done)
    with pytest.raises(BusyError):
        records.change(first, revision(1, "a", "failed"))
    assert records.revisions() == [done]


def test_D2_revisions_come_in_the_order_of_their_numbers(tmp_path):
    records = Records("m test", tmp_path)
    for number in (11, 2, 10, 1, 9, 3):
        records.create(revision(number, "a"))
    (tmp_path / "revisions" / ".tmp-0a1b").touch()
    assert [item.number for item in records.revisions()] == [1, 2, 3, 9, 10, 11]


def test_logs_and_reports_are_kept_of_what_runs_and_of_the_newest_revisions(tmp_path):
    target = LocalTarget("m", "test", tmp_path)
    for folder, ending in (("logs", ".log"), ("logs", ".log.1"), ("reports", ".txt")):
        (tmp_path / folder).mkdir(exist_ok=True)
        for number in range(1, 16):
            (tmp_path / folder / f"{number}{ending}").touch()
    target.prune([revision(2, "a")])
    kept = {2, *range(6, 16)}
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {
        f"{number}{ending}" for number in kept for ending in (".log", ".log.1")
    }
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {f"{number}.txt" for number in kept}


def test_a_process_number_is_only_trusted_with_the_moment_it_began():
    mine = processes.born(os.getpid())
    assert mine == processes.born(os.getpid())
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as other:
        born = processes.born(other.pid)
        assert born
        assert [item.pid for item in processes.of_run(other.pid, born, b"NO=MARK")] == [other.pid]
        assert processes.of_run(other.pid, "another moment", b"NO=MARK") == []
        other.kill()
        other.wait()
        assert processes.born(other.pid) is None
