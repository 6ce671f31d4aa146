"""What goes wrong on the way to a server over HTTP, and how long to wait before another attempt."""

from __future__ import annotations

import email.utils
import random
import re
import ssl
import time
from collections.abc import Iterator

LONGEST_PAUSE = 60.0
"""Seconds; who asks us to wait longer is given up."""


def failures() -> tuple[type[Exception], ...]:
    """What urllib3 and the system raise where no whole answer comes."""
    from urllib3.exceptions import HTTPError

    return (HTTPError, OSError)


def temporary(error: Exception) -> bool:
    """Whether another attempt may help."""
    from urllib3.exceptions import LocationParseError, LocationValueError

    return tls_failure(error) is None and not isinstance(error, (LocationParseError, LocationValueError))


def tls_failure(error: Exception) -> ssl.SSLError | None:
    """What TLS can't agree on, where that is what happened: not a connection that broke off."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(
            cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError
        ):
            return cause
    return None


def silent(error: Exception) -> bool:
    """Whether no answer came in time."""
    from urllib3.exceptions import NewConnectionError
    from urllib3.exceptions import TimeoutError as Silence

    return isinstance(error, (Silence, TimeoutError)) and not isinstance(error, NewConnectionError)  # which is one


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, outermost first."""
    at: BaseException | None = error
    while at is not None:
        yield at
        wrapped = next((argument for argument in at.args if isinstance(argument, BaseException)), None)
        at = at.__cause__ or wrapped or at.__context__


def word(error: BaseException) -> str:
    """The operating system's word for it where there is one."""
    words = (cause.strerror.lower() for cause in causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next(words, type(error).__name__)


def retry_after(value: str) -> float | None:
    """Seconds from now, given as such or as a date; None where neither is there."""
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,18}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def pause(attempt: int, longest: float = LONGEST_PAUSE) -> float:
    """Seconds before the next attempt: growing, and never the same for two clients."""
    return min(longest, 0.5 * 2.0**attempt) * random.uniform(0.5, 1)


def wait(value: str, attempt: int, longest: float = LONGEST_PAUSE) -> float | None:
    """Seconds before another attempt, as a `Retry-After` asks, if one does; None where that is too long to wait."""
    asked = retry_after(value)
    if asked is None:
        return pause(attempt, longest)
    return asked + random.uniform(0, 0.5) if asked <= LONGEST_PAUSE else None
