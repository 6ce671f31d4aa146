"""Running a team's commands: in a process group of their own, without credentials, ended as a group.

A command is a line for `/bin/sh`, run in the folder of model.yaml. Its output goes to standard error as
it comes (so that `--json` keeps standard output to itself) and to a log. When it ends, whatever it left
behind in its process group is ended too: a step leaves nothing running. When this program is told to end
(SIGTERM, SIGINT) or the time is up, the group gets SIGTERM and, after `GRACE` seconds, SIGKILL.
If this program is killed itself, the group gets SIGKILL.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from model_devops.runtime.surroundings import for_command

#: Seconds between SIGTERM and SIGKILL.
GRACE = 5.0
#: Characters of the end of the output that are kept for messages.
TAIL = 8000
POLL = 0.05
#: Ends the command's group where this program can't any more, because it was killed itself: then nobody holds
#: the pipe open that is the standard input here. The watcher is no child of the command, which may wait for its own.
_WATCHED = """\
exec 3<&0 </dev/null
( (read -r _ <&3; kill -9 0) >/dev/null 2>&1 & )
exec 3<&-
exec "$@"
"""


@dataclass(frozen=True)
class Finished:
    """How a command ended. `code` is its exit code, or minus the signal that killed it."""

    code: int
    output_tail: str
    seconds: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.code == 0 and not self.timed_out

    def explain(self) -> str:
        """How it ended, in words, with the last line that it wrote."""
        if self.timed_out:
            end = f"was ended after its time limit of {self.seconds:.0f} s"
        elif self.code < 0:
            end = f"was killed by signal {-self.code}"
        else:
            end = f"ended with exit code {self.code}"
        lines = self.output_tail.strip().splitlines()
        return f"{end}; its last line was: {lines[-1].strip()[:300]}" if lines else f"{end} and wrote nothing"


def run_command(
    command: str,
    cwd: Path,
    *,
    environment: Mapping[str, str] | None = None,
    venv: Path | None = None,
    timeout: float | None = None,
    log: TextIO | None = None,
) -> Finished:
    """Run `command` in `cwd` and wait for it; `timeout` in seconds.

    `environment` is added to what surroundings.py lets through (T1). A failing command is no error here.
    What a signal's handler raises meanwhile (cli/main.py) goes on after the group has ended.
    """
    return run_program(
        ["/bin/sh", "-c", command], cwd, for_command(venv, environment or {}), timeout=timeout, shown=(sys.stderr, log)
    )


def run_program(
    words: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    timeout: float | None = None,
    shown: Sequence[TextIO | None] = (),
) -> Finished:
    """The same for a program of our own choice in exactly this environment; its output goes to `shown`."""
    started = time.monotonic()
    with _started(words, cwd, environment) as process:
        output = _Output(process, shown)
        timed_out = _wait(process, output, None if timeout is None else started + timeout)
        _end_group(process, output)
        output.close()
    return Finished(process.returncode, output.tail, time.monotonic() - started, timed_out)


@contextlib.contextmanager
def _started(words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    watched, alive = os.pipe()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "sh", *words],
            cwd=cwd,
            env=environment,
            stdin=watched,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        except BaseException:
            _end_group(process, None)
            raise
        finally:
            if process.stdout:
                process.stdout.close()
    finally:
        os.close(watched)
        os.close(alive)


class _Output:
    """The command's output: shown, logged, and its end kept. Never blocks."""

    def __init__(self, process: subprocess.Popen[bytes], shown: Sequence[TextIO | None]) -> None:
        assert process.stdout is not None
        self._handle = process.stdout.fileno()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._shown = list(shown)
        self.tail = ""
        os.set_blocking(self._handle, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._handle, selectors.EVENT_READ)

    def read(self, wait: float) -> bool:
        """Take what is there, waiting at most `wait` seconds for it. Returns whether there was anything."""
        if not self._selector.get_map():
            time.sleep(wait)
            return False
        if not self._selector.select(wait):
            return False
        data = os.read(self._handle, 1 << 16)
        if not data:
            self._selector.unregister(self._handle)
        self._take(self._decoder.decode(data, final=not data))
        return bool(data)

    def close(self) -> None:
        """Take the rest that lies in the pipe."""
        while self.read(0):
            pass
        self._selector.close()

    def _take(self, text: str) -> None:
        for stream in self._shown:
            try:
                if stream is not None and text:
                    stream.write(text)
                    stream.flush()
            except BrokenPipeError:  # nobody reads it any more: no reason to end the work
                self._shown = [other for other in self._shown if other is not stream]
        self.tail = (self.tail + text)[-TAIL:]


def _wait(process: subprocess.Popen[bytes], output: _Output, deadline: float | None) -> bool:
    """Pass output on until the command ends. Returns True where the deadline came first."""
    while not _has_ended(process):
        output.read(POLL)
        if deadline is not None and time.monotonic() >= deadline:
            return not _has_ended(process)
    return False


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the shell has ended. It is not reaped, so that the number of its group stays ours."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_group(process: subprocess.Popen[bytes], output: _Output | None) -> None:
    """End all that is left in the group, politely first, then reap the shell."""
    if process.returncode is not None:
        return
    try:
        _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while _is_alive(process) and time.monotonic() < deadline:
            output.read(POLL) if output else time.sleep(POLL)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _is_alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything in the group still runs; zombies don't."""
    if not _has_ended(process):
        return True
    import psutil

    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(pid) == process.pid and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
