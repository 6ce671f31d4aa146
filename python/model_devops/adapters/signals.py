"""Letting what must not be cut in two end first, when a signal asks this program to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Hold SIGTERM and SIGINT back until the end of this block, then deliver the first one.

    Handlers are replaced instead of blocking the signals, because a process started meanwhile would
    inherit the blocking. Outside the main thread there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []

    def remember(signum: int, _frame: FrameType | None) -> None:
        caught.append(signum)

    numbers = [number for number in (signal.SIGTERM, signal.SIGINT) if callable(signal.getsignal(number))]
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            os.kill(os.getpid(), caught[0])
