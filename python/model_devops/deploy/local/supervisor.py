"""The process that keeps one server running, apart from whoever deployed it.

Started by path with a clean environment (`python -IS supervisor.py STATE`), so that it needs nothing of
the CI that started it, and CI finds nothing of its own in it to end. It imports only the standard
library and all of it at start: the program that it came from may be removed while it runs.

It holds a kernel lock on `run/supervisor.lock` while it lives, which is what others judge it by, and
writes `run/state.json`. The server is recorded before its command begins: whatever is killed when, the
next run knows which processes to end. A server that ends is started again, with growing pauses, once its
revision has been verified; before that its end is the rollout's business. SIGTERM ends both.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import selectors
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NoReturn

if __name__ == "__main__":  # by path and isolated: nothing is installed for it
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from model_devops.adapters.files import write_atomic
from model_devops.deploy.local import processes

#: Bytes of a log file before it becomes `.1`: at most twice this is kept for each revision.
LOG_LIMIT = 8 << 20
#: Seconds before the first and at most before each further restart, and after which a server counts as well again.
FIRST_PAUSE, LONGEST_PAUSE, WELL_AFTER = 1.0, 30.0, 60.0
STARTED, FAILED, BUSY = 0, 1, 3
_PDEATHSIG = 1


class Log:
    """The server's output in a file of limited size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: BinaryIO = open(path, "ab", buffering=0)  # noqa: SIM115  kept open

    def write(self, data: bytes) -> None:
        """Append; a full disk loses lines, never the server."""
        with contextlib.suppress(OSError):
            if self._stream.tell() + len(data) > LOG_LIMIT:
                os.replace(self._path, self._path.with_name(self._path.name + ".1"))
                self._stream.close()
                self._stream = open(self._path, "ab", buffering=0)  # noqa: SIM115
            self._stream.write(data)

    def say(self, text: str) -> None:
        """A line of our own."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.write(f"[model-devops {moment}] {text}\n".encode())


class Supervisor:
    """One run of one revision's server."""

    def __init__(self, state: Path, launch: dict[str, Any]) -> None:
        self._state = state
        self._launch = launch
        self._log = Log(Path(launch["log"]))
        self._selector = selectors.DefaultSelector()
        self._stop = False
        self._pid = 0
        self._born = ""
        self._began = 0.0
        self._restarts = 0
        self._pause = FIRST_PAUSE
        self._output = -1
        self._listen_to_signals()

    def _listen_to_signals(self) -> None:
        """Signals wake the loop. What the caller ignored or blocked is ours again."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._wake = read
        self._selector.register(read, selectors.EVENT_READ)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def _told_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def start(self) -> None:
        """Start the server: recorded first, then told to go."""
        self._close_output()
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        self._selector.register(self._output, selectors.EVENT_READ)
        may_go, go = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            self._become_server(parent, may_go, go, output)
        os.close(output)
        os.close(may_go)
        self._born = processes.born(self._pid) or ""
        self._began = time.monotonic()
        try:
            self.record()
            os.write(go, b"g")
        finally:
            os.close(go)

    def _become_server(self, parent: int, may_go: int, go: int, output: int) -> NoReturn:
        try:
            os.setsid()
            _die_with(parent)
            os.close(go)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            if os.read(may_go, 1) != b"g":
                os._exit(127)
            os.chdir(self._launch["cwd"])
            os.execve("/bin/sh", ["sh", "-c", self._launch["command"]], self._launch["environment"])
        except BaseException as error:  # noqa: BLE001  nothing may return into the supervisor's code
            os.write(2, f"the server can't be started: {error}\n".encode())
        finally:
            os._exit(127)

    def record(self, status: int | None = None) -> None:
        """Write `run/state.json`; `status` as waitpid gives it once the server has ended."""
        ended = None
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            ended = {"code": max(code, 0), "signal": max(-code, 0)}
        state = {
            "revision": self._launch["revision"],
            "mark": self._launch["mark"],
            "supervisor": {"pid": os.getpid(), "born": processes.born(os.getpid())},
            "server": {"pid": self._pid, "born": self._born},
            "exit": ended,
            "restarts": self._restarts,
        }
        write_atomic(self._state / "run" / "state.json", json.dumps(state).encode(), durable=False)

    def run(self) -> None:
        """Stay until told to stop, or until a server that was never verified has ended."""
        while True:
            self._read(0.5)
            if self._stop:
                return self._end()
            if self._has_ended() and not self._go_on():
                return None

    def _has_ended(self) -> bool:
        """Whether the server has ended. It is not reaped yet, so that its session's number stays ours."""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _go_on(self) -> bool:
        """After the server's end: start it again if its revision is verified. Returns whether it runs."""
        status = self._end_session(2.0)
        self._read(0)
        code = os.waitstatus_to_exitcode(status)
        self._log.say(f"the server ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}")
        with contextlib.suppress(OSError):
            self.record(status)
        if not self._is_verified():
            return False
        if time.monotonic() - self._began > WELL_AFTER:
            self._pause = FIRST_PAUSE
        if not self._wait(self._pause):
            return False
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._restarts += 1
        self._log.say(f"restart {self._restarts}")
        with contextlib.suppress(OSError):  # it can't be recorded, so it doesn't begin: tried again as if it had ended
            self.start()
        return True

    def _wait(self, seconds: float) -> bool:
        """Pause before a restart. Returns False if told to stop meanwhile."""
        until = time.monotonic() + seconds
        while not self._stop and (left := until - time.monotonic()) > 0:
            self._read(left)
        return not self._stop

    def _is_verified(self) -> bool:
        path = self._state / "revisions" / f"{self._launch['revision']}.json"
        try:
            return bool(json.loads(path.read_bytes())["status"] == "verified")
        except (OSError, ValueError, KeyError):
            return False

    def _end(self) -> None:
        """Stop the server politely, then all that is left of it."""
        status = self._end_session(float(self._launch["stopSeconds"]))
        self._read(0)
        self._log.say("stopped")
        with contextlib.suppress(OSError):
            self.record(status)

    def _end_session(self, seconds: float) -> int:
        """End every process of the server's session and reap the server. Returns its status (waitpid)."""
        processes.end(lambda: processes.in_session(self._pid), seconds, self._read)
        return os.waitpid(self._pid, 0)[1]

    def _read(self, seconds: float) -> None:
        """Pass on what the server has written, waiting at most `seconds` for it or for a signal."""
        for key, _ in self._selector.select(seconds):
            with contextlib.suppress(BlockingIOError):
                data = os.read(key.fd, 1 << 16)
                if key.fd == self._output and data:
                    self._log.write(data)
                elif key.fd == self._output:
                    self._close_output()

    def _close_output(self) -> None:
        if self._output >= 0:
            self._selector.unregister(self._output)
            os.close(self._output)
            self._output = -1


def _die_with(parent: int) -> None:
    """On Linux: let the kernel end the server if the supervisor is killed."""
    if not processes.LINUX:
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        os._exit(127)


def _lock(path: Path) -> int | None:
    """The kernel lock that says that a supervisor lives. Observers hold it for moments only."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(200):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            time.sleep(0.01)
    return None


def _supervise(state: Path, ready: int) -> int:
    """The life of the supervisor. Its starter reads from `ready` how the start went."""
    os.setsid()
    launch = json.loads((state / "run" / "launch.json").read_bytes())
    if _lock(state / "run" / "supervisor.lock") is None:
        os.write(ready, bytes([BUSY]))
        return BUSY
    supervisor = Supervisor(state, launch)
    supervisor.start()
    os.write(ready, bytes([STARTED]))
    os.close(ready)
    supervisor.run()
    return STARTED


def main(state: Path) -> int:
    """Become a process of its own; the one that was called ends when the server was started."""
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        answer = os.read(read, 1)
        return answer[0] if answer else FAILED
    os.close(read)
    code = FAILED
    try:
        code = _supervise(state, write)
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
