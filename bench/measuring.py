"""How the benchmarks measure: two calls in turn, the least of each, and a limit that must be kept.

Whatever else a machine does only adds to a measurement, so the least of several is nearest to the truth. Where
both sides only compute, processor time is compared, which a busy machine moves less than the clock on the wall.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: How the program is called, without the user's site packages and PYTHON* variables.
PROGRAM = [sys.executable, "-I", "-m", "model_devops"]
sys.path.append(str(ROOT / "tests" / "support"))  # registries and daemons are started as for the tests


@dataclass(frozen=True)
class Row:
    """One line of the table: ours against a named peer, in seconds."""

    what: str
    ours: float
    peer: str
    theirs: float
    allowed: float
    """The most that ours may cost, in seconds."""

    @property
    def holds(self) -> bool:
        """Whether ours stays within what is allowed."""
        return self.ours <= self.allowed

    def __str__(self) -> str:
        """Figures with the ratio first: absolute figures move from machine to machine."""
        ratio = f"{self.ours / self.theirs:6.2f} ×" if self.theirs else "        "
        verdict = "ok" if self.holds else "TOO SLOW"
        return (
            f"{self.what:<44} {ratio} {self.peer:<44} {self.ours * 1000:9.1f} ms,"
            f" allowed {self.allowed * 1000:9.1f} ms  {verdict}"
        )


def wall(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def processor(call: Callable[[], object]) -> float:
    """The processor time of one call, in all threads and in the processes that it waits for."""
    started = _used()
    call()
    return _used() - started


def _used() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def in_turn(
    *calls: Callable[[], object], rounds: int, measure: Callable[[Callable[[], object]], float] = processor
) -> list[float]:
    """The least of each call, in turn so that a busy machine hits all alike; one round before doesn't count."""
    for call in calls:
        call()
    measured = [[measure(call) for call in calls] for _ in range(rounds)]
    return [min(column) for column in zip(*measured, strict=True)]


def repository(folder: Path, **files: str | bytes) -> Path:
    """A new git repository with these files committed (`__` for a dot in their names)."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    quietly("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    for key, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        quietly("git", "config", key, value, cwd=folder)
    quietly("git", "add", ".", cwd=folder)
    quietly("git", "commit", "--quiet", "--message", "Begin", cwd=folder)
    return folder


def random_file(file: Path, size: int) -> None:
    """A file of so many bytes, in MiB that repeat: what compresses inside them is nothing."""
    block = os.urandom(1 << 20)
    with open(file, "wb") as stream:
        for _ in range(size >> 20):
            stream.write(block)


def quietly(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    """Run a command that must succeed, without its output."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
