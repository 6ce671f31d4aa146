"""Processes of this machine: who belongs to a server, and whether a recorded one is still the same.

A process number alone proves nothing, because numbers are used again: each is kept together with
the moment it began (`born`). Only the standard library is used where /proc is there, since the
supervisor imports this.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

LINUX = sys.platform.startswith("linux")
_ZOMBIE = ("Z", "X")


class Process(NamedTuple):
    """A process that runs; those that have ended and wait for their parent are none."""

    pid: int
    session: int
    born: str
    """When it began: comparable within one boot of the machine, equal only for the same process."""


def born(pid: int) -> str | None:
    """When a process began, or None if there is no such process or it has ended."""
    found = _one(pid)
    return found.born if found else None


def running() -> list[Process]:
    """All processes of this machine that can be seen."""
    return [found for pid in _pids() if (found := _one(pid))]


def of_run(leader: int, leader_born: str, mark: bytes) -> list[Process]:
    """All living processes of a server's run: its session, and whoever carries `mark` in the environment.

    `mark` is `NAME=VALUE` of a variable that this run alone has. It also finds those that left the session.
    Where the leader is gone, membership of its session needs the mark: its number may have been used again.
    """
    processes = running()
    same_leader = any(item.pid == leader and item.born == leader_born for item in processes)
    others = (item for item in processes if item.pid != os.getpid())
    return [item for item in others if (same_leader and item.session == leader) or _carries(item.pid, mark)]


def in_session(leader: int) -> list[int]:
    """The living processes of a session whose leader is our own child."""
    return [item.pid for item in running() if item.session == leader]


def end(find: Callable[[], Iterable[int]], seconds: float, pause: Callable[[float], object] = time.sleep) -> bool:
    """End all processes that `find` names: SIGTERM, and after `seconds` SIGKILL. Returns whether all are gone."""
    told: set[int] = set()
    deadline = time.monotonic() + seconds
    while left := set(find()):
        if time.monotonic() >= deadline:
            return _kill(find, pause)
        for pid in left - told:
            send(pid, signal.SIGTERM)
        told |= left
        pause(0.01)
    return True


def _kill(find: Callable[[], Iterable[int]], pause: Callable[[float], object]) -> bool:
    for _ in range(500):
        left = list(find())
        if not left:
            return True
        for pid in left:
            send(pid, signal.SIGKILL)
        pause(0.01)
    return False


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _pids() -> list[int]:
    if LINUX:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    import psutil

    return list(psutil.pids())


def _one(pid: int) -> Process | None:
    return _from_proc(pid) if LINUX else _from_psutil(pid)


def _from_proc(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].decode().split()
    except OSError:
        return None
    if fields[0] in _ZOMBIE:
        return None
    return Process(pid, int(fields[3]), f"{_boot()}:{fields[19]}")


def _boot() -> str:
    if not _known_boot:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            _known_boot.append(stream.read().strip())
    return _known_boot[0]


_known_boot: list[str] = []


def _from_psutil(pid: int) -> Process | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid, os.getsid(pid), repr(process.create_time()))
    except (psutil.Error, OSError):
        return None


def _carries(pid: int, mark: bytes) -> bool:
    if LINUX:
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                return mark in stream.read().split(b"\0")
        except OSError:
            return False
    import psutil

    name, _, value = mark.decode().partition("=")
    try:
        return bool(psutil.Process(pid).environ().get(name) == value)
    except (psutil.Error, OSError):
        return False
