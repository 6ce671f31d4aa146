"""`key create` and `key show`, as people call them."""

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

from model_devops.adapters.keys import KEY, PASSWORD
from signing_keys import Key

CLI = [sys.executable, "-m", "model_devops"]


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *words],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_key_is_made_and_its_public_part_shown(tmp_path: Path) -> None:
    done = run(tmp_path, "key", "create", "ci.key", "--type", "ed25519")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tmp_path / "ci.key").stat().st_mode) == 0o600
    shown = run(tmp_path, "key", "show", "ci.key")
    assert shown.stdout in done.stdout
    assert shown.stdout.startswith("# ed25519 sha256:")
    (tmp_path / "ci.pub").write_text(shown.stdout)
    assert run(tmp_path, "key", "show", "ci.pub").stdout == shown.stdout
    assert run(tmp_path, "key", "show", **{KEY: str(tmp_path / "ci.key")}).stdout == shown.stdout
    result = json.loads(run(tmp_path, "--json", "key", "show", "ci.key").stdout)
    assert f"# {result['type']} {result['fingerprint']}\n{result['public']}" == shown.stdout
    assert "PRIVATE" not in done.stdout + done.stderr + shown.stdout


def test_no_key_is_overwritten(tmp_path: Path) -> None:
    key = Key(tmp_path, "ci")
    data = key.file.read_bytes()
    done = run(tmp_path, "key", "create", "ci.key")
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert key.file.read_bytes() == data


def test_a_private_key_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    key = Key(tmp_path, "ci")
    key.public.chmod(0o644)
    for words, given in ((["ci.key"], {}), ([], key.environment), (["ci.pub"], {})):
        assert run(tmp_path, "key", "show", *words, **given).stderr == ""
    key.file.chmod(0o640)
    for words, given in ((["ci.key"], {}), ([], key.environment)):
        done = run(tmp_path, "key", "show", *words, **given)
        assert (done.returncode, "may be read by others on this machine: chmod 600" in done.stderr) == (0, True)


def test_a_password_comes_from_the_environment_or_is_asked_for(tmp_path: Path) -> None:
    done = run(tmp_path, "key", "create", "a.key", "--password", **{PASSWORD: "s3cret"})
    assert done.returncode == 0, done.stderr
    assert b"ENCRYPTED" in (tmp_path / "a.key").read_bytes()
    assert "s3cret" not in done.stdout + done.stderr
    assert run(tmp_path, "key", "show", "a.key").returncode == 2
    assert run(tmp_path, "key", "show", "a.key", **{PASSWORD: "other"}).returncode == 2
    assert run(tmp_path, "key", "show", "a.key", **{PASSWORD: "s3cret"}).returncode == 0
    told = run(tmp_path, "key", "show", "a.key", **{PASSWORD: "s3cret\n"}).stderr
    assert "ends with a line break" in told
    for odd in ("s3cret\n", "s3\ncret"):
        refused = run(tmp_path, "key", "create", "b.key", "--password", **{PASSWORD: odd})
        assert (refused.returncode, "has a line break" in refused.stderr) == (2, True)
    without = run(tmp_path, "key", "create", "b.key", "--password")
    assert without.returncode == 2
    assert PASSWORD in without.stderr
    assert not (tmp_path / "b.key").exists()


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*CLI, "key", "create", "a.key", "--password"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        said = b""
        for asked in (b"Password of the key", b"Repeat"):
            while asked not in said:
                said += os.read(ours, 1024)
            os.write(ours, b"typed words\n")
        while process.poll() is None:
            try:
                said += os.read(ours, 1024)
            except OSError:
                break
    os.close(ours)
    assert process.wait() == 0, said
    assert b"typed" not in said
    assert run(tmp_path, "key", "show", "a.key", **{PASSWORD: "typed words"}).returncode == 0


def test_show_says_where_no_key_is_given(tmp_path: Path) -> None:
    done = run(tmp_path, "key", "show")
    assert done.returncode == 2
    assert KEY in done.stderr
