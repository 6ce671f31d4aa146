"""What people see on a real terminal, and what a pipe gets instead."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mini_project import make_mini
from model_devops.cli import output

#: Draws a bar as soon as there is something to draw: a machine's speed decides nothing here.
AT_ONCE = (
    "import sys; from model_devops.cli import main, output; output._LONG = output._PAUSE = 0;"
    " sys.exit(main.run(sys.argv[1:]))"
)


def on_terminal(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and all that a terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_ONCE, *arguments],
        cwd=folder,
        env={**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if process.poll() is not None and not shown:
            break
    os.close(ours)
    return process.wait(30), shown.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a data set large enough for several steps of a bar."""
    mini = make_mini(tmp_path / "a model")
    (mini.folder / "data" / "big.bin").write_bytes(bytes(3 << 20))
    mini.commit("Add data")
    return mini.folder


def test_long_hashing_and_copying_show_a_bar_on_a_terminal_and_remove_it(folder: Path) -> None:
    code, shown = on_terminal(folder, "build")
    assert code == 0, shown
    for label in ("hashing", "storing"):
        assert f"\r{label} ██" in shown
    for arguments, label in (
        (["verify"], "hashing"),
        (["release", "verify"], "verifying"),
        (["release", "export", "1.0.0", "../out"], "copying"),
    ):
        code, shown = on_terminal(folder, *arguments)
        assert code == 0, shown
        assert f"\r{label} ██" in shown
        bars, said = shown.rsplit("\r\x1b[K", 1)
        assert "█" in bars
        assert "█" not in said
        assert said.strip()


def test_putting_a_release_in_place_shows_a_bar(folder: Path) -> None:
    assert on_terminal(folder, "build")[0] == 0
    (folder / "model" / "weights.safetensors").unlink()
    code, shown = on_terminal(folder, "test")
    assert code == 0, shown
    assert "\rcopying █" in shown


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1", "TERM": "dumb"}])
def test_a_terminal_that_can_not_move_its_cursor_gets_neither_bars_nor_colours(
    folder: Path, environment: dict[str, str]
) -> None:
    code, shown = on_terminal(folder, "build", **environment)
    assert code == 0, shown
    assert "\x1b" not in shown
    assert "█" not in shown
    assert "\r" not in shown.replace("\r\n", "")


def test_no_color_takes_colours_away_and_leaves_bars(folder: Path) -> None:
    coloured, plain = on_terminal(folder, "hash", "dataset"), on_terminal(folder, "bild", NO_COLOR="1")
    assert "█" in coloured[1]
    assert "\x1b[31m" in on_terminal(folder, "bild")[1]
    assert "\x1b" not in plain[1]


def test_a_terminal_without_utf_8_gets_a_bar_that_it_can_show(folder: Path) -> None:
    shown = on_terminal(folder, "hash", "dataset", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")[1]
    assert "hashing ##" in shown


def test_a_pipe_gets_no_bar_and_no_colour(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, "build"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert not set("\x1b\r█") & set(done.stdout + done.stderr)
    assert done.stdout.startswith("built mini 1.0.0")


def test_short_work_shows_no_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with output.bar("hashing", 10) as advance:
        advance(5)
    assert capsys.readouterr().err == ""


def test_what_is_written_to_a_file_has_no_colour_though_the_rest_is_on_a_terminal(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "model_devops", "bild"]
    done = subprocess.run(command, cwd=folder, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    os.close(ours)
    assert "\x1b" not in done.stderr
