"""Starting and ending a server together with its supervisor, and what is known of the one that runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from model_devops import faults
from model_devops.adapters.files import write_atomic
from model_devops.adapters.signals import deferred
from model_devops.deploy.local import processes
from model_devops.deploy.local.supervisor import BUSY, STARTED
from model_devops.errors import ModelDevopsError

#: What a server sees of this program's own environment. Nothing of CI, so that CI doesn't end it; no credential.
PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR")
#: Seconds that a supervisor may take longer than its server to end.
PATIENCE = 10.0
#: Bytes that are kept free on the disk, so that a full one doesn't keep what ran before from coming back.
RESERVE = 256 << 10


class Id(msgspec.Struct, frozen=True):
    """A process and the moment it began."""

    pid: int
    born: str

    @property
    def alive(self) -> bool:
        """Whether it is still that process that runs."""
        return processes.born(self.pid) == self.born


class Exit(msgspec.Struct, frozen=True):
    """How a server ended: by itself with a code, or by a signal."""

    code: int
    signal: int

    def __str__(self) -> str:
        return f"was killed by signal {self.signal}" if self.signal else f"ended with exit code {self.code}"


class State(msgspec.Struct, frozen=True):
    """`run/state.json`, as the supervisor writes it."""

    revision: int
    mark: str
    supervisor: Id
    server: Id
    exit: Exit | None
    restarts: int

    def members(self) -> list[int]:
        """The living processes of this run."""
        found = processes.of_run(self.server.pid, self.server.born, self.mark.encode())
        return [item.pid for item in found]


@dataclass(frozen=True)
class Launch:
    """What a supervisor is given."""

    revision: int
    command: str
    cwd: Path
    environment: dict[str, str]
    mark: str
    """`NAME=VALUE` of a variable that only this run has."""
    log: Path
    stop_seconds: float

    def dumps(self) -> bytes:
        """As the supervisor reads it."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["stopSeconds"] = fields.pop("stop_seconds")
        return msgspec.json.encode(fields, enc_hook=str)


class Runs:
    """The folder `run/` of an environment: at most one server at a time."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / "run"

    def state(self) -> State | None:
        """What the last supervisor wrote; None where there was none."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self._folder / "state.json").read_bytes(), type=State)
        return None

    def supervised(self) -> bool:
        """Whether a supervisor lives: by its kernel lock, whatever any file says."""
        try:
            with open(self._folder / "supervisor.lock", "rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False

    def reserve(self) -> None:
        """Take the room on the disk that bringing back what ran before needs. Raises OSError where there is none."""
        path = self._folder / "reserve"
        if not path.exists() or path.stat().st_size < RESERVE:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(RESERVE))

    def release(self) -> None:
        """Give that room back, now that it is needed."""
        (self._folder / "reserve").unlink(missing_ok=True)

    def start(self, launch: Launch) -> None:
        """Start a supervisor with its server. Returns when the server's command begins."""
        launch.log.parent.mkdir(parents=True, exist_ok=True)
        with deferred():
            write_atomic(self._folder / "launch.json", launch.dumps(), durable=False)
            (self._folder / "state.json").unlink(missing_ok=True)
            code = self._start(launch.log)
            if code == BUSY:  # one whose starter was killed took its lock only just now
                self.stop()
                code = self._start(launch.log)
        faults.point("local.after-start")
        if code != STARTED:
            raise ModelDevopsError(f"the supervisor could not start (exit code {code}); see {launch.log}")

    def _start(self, log: Path) -> int:
        program = Path(__file__).with_name("supervisor.py")
        with open(log, "ab") as errors:
            finished = subprocess.run(
                [sys.executable, "-IS", str(program), str(self._state)],
                cwd=self._state,
                env=own_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                check=False,
            )
        return finished.returncode

    def stop(self) -> bool:
        """End server and supervisor, politely first. Returns whether all is gone."""
        state, seconds = self.state(), self._stop_seconds()
        faults.point("local.before-stop")
        if self.supervised():
            self._end_supervisor(state, seconds)
        state = state or self.state()
        gone = state is None or processes.end(state.members, seconds)
        faults.point("local.after-stop")
        return gone

    def launched(self) -> dict[str, Any]:
        """`run/launch.json`: what the last supervisor was given."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return dict(msgspec.json.decode((self._folder / "launch.json").read_bytes()))
        return {}

    def _stop_seconds(self) -> float:
        return float(self.launched().get("stopSeconds", PATIENCE))

    def _end_supervisor(self, state: State | None, seconds: float) -> None:
        """Ask the supervisor to end, as long as its server may take; then kill it."""
        supervisor = state.supervisor if state else self._starting()
        if supervisor is None:
            return
        processes.send(supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds + PATIENCE
        while self.supervised() and supervisor.alive and time.monotonic() < deadline:
            time.sleep(0.005)
        if supervisor.alive:
            processes.send(supervisor.pid, signal.SIGKILL)

    def _starting(self) -> Id | None:
        """A supervisor whose starter was killed may not have written yet: wait for it."""
        deadline = time.monotonic() + PATIENCE
        while self.supervised() and time.monotonic() < deadline:
            if found := self.state():
                return found.supervisor
            time.sleep(0.01)
        return None


def own_environment() -> dict[str, str]:
    """The part of this program's environment that servers and supervisors get."""
    return {name: value for name, value in os.environ.items() if name in PASSED or name.startswith("LC_")}
