"""What people read: short, aligned, coloured on a terminal only."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_state: dict[str, Any] = {"json": False, "warnings": [], "lost": None}


def start(as_json: bool) -> None:
    """Begin a run: text goes to standard error where standard output holds the result document."""
    _state.update(json=as_json, warnings=[], lost=None)
    _open_streams()


def _open_streams() -> None:
    """Closed ones lead nowhere: else the next file that is opened, or a command that is run, would take their place."""
    while (handle := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(handle, True)
    os.close(handle)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are not UTF-8


def warnings() -> list[str]:
    """The warnings of this run, for the result document."""
    return list(_state["warnings"])


def stream() -> Any:
    """Where what people read goes."""
    return sys.stderr if _state["json"] else sys.stdout


def say(text: str = "") -> None:
    """Print a line for people."""
    show(text, stream())


def copy(data: bytes) -> None:
    """Write bytes for people as they are, whatever their encoding."""

    def write(stream: Any) -> None:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()

    _try(write, stream())


def show(text: str, stream: Any) -> None:
    """Print a line for people to this stream."""
    _try(lambda stream: print(text, file=stream, flush=True), stream)


def _try(write: Callable[[Any], None], stream: Any) -> None:
    """Write where somebody may have stopped reading, or where the disk may be full: the work goes on."""
    try:
        write(stream)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            _state["lost"] = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # else what is buffered would fail again when the program ends
        os.close(nowhere)


def refuse_lost() -> None:
    """Raise the first error, if any, that kept output from being written; a reader that has gone is none."""
    if _state["lost"] is not None:
        from model_devops.cli.endings import unwritable

        raise unwritable("the output", _state["lost"])


def warn(text: str) -> None:
    """Print a warning and keep it for the result document; once, however often it is said."""
    if text in _state["warnings"]:
        return
    _state["warnings"].append(text)
    show(style(f"warning: {text}", "yellow", sys.stderr), sys.stderr)


@contextmanager
def warning_of(notes: list[str]) -> Iterator[None]:
    """Warn of what a step noted, also where it fails."""
    try:
        yield
    finally:
        for note in notes:
            warn(note)


def style(text: str, name: str, stream: Any = None) -> str:
    """Colour for a terminal: green, red, yellow, bold, dim. NO_COLOR and pipes get plain text."""
    codes = {"green": 32, "red": 31, "yellow": 33, "bold": 1, "dim": 2}
    if not coloured(stream or (sys.stderr if _state["json"] else sys.stdout)):
        return text
    return f"\x1b[{codes[name]}m{text}\x1b[0m"


def coloured(stream: Any) -> bool:
    """Whether to colour: a terminal, and neither NO_COLOR nor TERM=dumb."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns for help: those of the terminal, between 50 and 98. As click does it, without importing shutil."""
    columns = os.environ.get("COLUMNS", "")
    if not columns.isdecimal():
        try:
            columns = str(os.get_terminal_size(1).columns)
        except OSError:  # no terminal
            columns = ""
    return max(min(int(columns or 0) or 80, 100) - 2, 50)


def table(rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
    """Print aligned columns."""
    lines = [list(headers), *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for index, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        say(style(text, "dim") if index == 0 else text)


#: Seconds: shorter work gets no bar, and a bar is redrawn no more often than this.
_LONG, _PAUSE = 0.5, 0.1


class _Bar:
    """A line that is drawn again and again, and removed at the end."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, max(total, 1), 0
        self.shown, self._next = False, time.monotonic() + _LONG

    def advance(self, amount: int) -> None:
        """Count `amount` more of the total."""
        self.done += amount
        if time.monotonic() >= self._next:
            self.shown, self._next = True, time.monotonic() + _PAUSE
            share = min(self.done / self.total, 1)
            piece = "█" if (sys.stderr.encoding or "").lower().startswith("utf") else "#"
            self._write(f"\r{self.label} {piece * int(share * 30):<30} {share:4.0%}")

    def remove(self) -> None:
        """Leave the line to what comes next."""
        if self.shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show how far long work is: on a terminal that can move its cursor, nowhere else."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _amount: None
        return
    drawn = _Bar(label, total)
    try:
        yield drawn.advance
    finally:
        drawn.remove()


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 release`, `2 releases`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
