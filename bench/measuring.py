"""How the benchmarks measure: two calls in turn, medians, and a limit that the ratio or difference must keep."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: How the program is called, without the user's site packages and PYTHON* variables.
PROGRAM = [sys.executable, "-I", "-m", "model_devops"]


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


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Medians of both, called in turn so that a busy machine hits both alike; one round before doesn't count."""
    first(), second()
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def quietly(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    """Run a command that must succeed, without its output."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
