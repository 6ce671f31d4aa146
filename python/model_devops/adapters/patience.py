"""Waiting for others: a bound for everything, and a few more attempts where trying again may help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from model_devops.errors import UnreachableError

T = TypeVar("T")


class NotSentError(UnreachableError):
    """One attempt did not arrive. `again`: another one may; `after`: the seconds that the server asks to wait."""

    default_kind = "not-sent"

    def __init__(self, message: str, *, again: bool = False, after: float | None = None) -> None:
        super().__init__(message)
        self.again, self.after = again, after


@dataclass(frozen=True)
class Patience:
    """How long to wait; all in seconds."""

    attempt: float = 15
    """For one attempt, names and all."""
    pauses: tuple[float, ...] = (1, 4)
    """Between the attempts."""
    longest: float = 30
    """The longest pause that a server may ask for; who asks for more is not tried again."""


def patiently(attempt: Callable[[], T], patience: Patience) -> T:
    """The answer of the first attempt that arrives. Raises NotSentError."""
    for pause in patience.pauses:
        try:
            return within(patience.attempt, attempt)
        except NotSentError as error:
            wait = pause if error.after is None else error.after
            if not error.again or wait > patience.longest:
                raise
        time.sleep(wait)
    return within(patience.attempt, attempt)


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises, if it does so in time; else NotSentError.

    A socket's timeout counts from one byte to the next, and looking up a name has none. The thread is left behind
    then, and ends with this process.
    """
    ended: dict[str, Any] = {}

    def run() -> None:
        try:
            ended["result"] = work()
        except BaseException as error:  # noqa: BLE001  raised again by who waits
            ended["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise NotSentError(f"no answer within {seconds:g} s")
    if "error" in ended:
        raise ended["error"]
    result: T = ended["result"]
    return result
