"""How far long hashing and copying is: told by whoever does it, drawn by the command line on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#: Told how many bytes more are done; by one thread at a time.
Advance = Callable[[int], object]
Watch = Callable[[str, int], AbstractContextManager[Advance]]


def _nobody(_label: str, _total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _count: None)


_watchers: list[Watch] = [_nobody]


def task(label: str, total: int) -> AbstractContextManager[Advance]:
    """Work on so many bytes: `with task("copying", size) as advance: …`."""
    return _watchers[0](label, total)


def show_with(watch: Watch) -> None:
    """Have all work from now on be shown by this."""
    _watchers[0] = watch
