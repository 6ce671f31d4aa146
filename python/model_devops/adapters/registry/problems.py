"""What a registry's answers and silences mean, in our errors."""

from __future__ import annotations

import email.utils
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_devops.adapters.documents import parsed
from model_devops.adapters.registry.address import PLAIN
from model_devops.errors import ModelDevopsError, RefusedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from model_devops.adapters.registry.auth import Authority
    from model_devops.adapters.registry.session import Answer

KIND = "registry"
_LATER = "what was sent is kept: run this again"


def transport() -> tuple[type[Exception], ...]:
    """What can go wrong on the way."""
    from urllib3.exceptions import HTTPError

    return (HTTPError, OSError)


def temporary(error: Exception) -> bool:
    """Whether another attempt may help."""
    from urllib3.exceptions import LocationParseError, LocationValueError

    no_tls = any(isinstance(cause, ssl.SSLError) and not _broke_off(cause) for cause in _causes(error))
    return not no_tls and not isinstance(error, (LocationParseError, LocationValueError))


def _broke_off(error: ssl.SSLError) -> bool:
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def silent(error: Exception) -> bool:
    """Whether no answer came in time."""
    from urllib3.exceptions import NewConnectionError
    from urllib3.exceptions import TimeoutError as Silence

    return isinstance(error, (Silence, TimeoutError)) and not isinstance(error, NewConnectionError)  # which is one


def unreachable(host: str, error: Exception) -> ModelDevopsError:
    """The error where no answer came."""
    from urllib3.exceptions import NameResolutionError

    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "SSL_CERT_FILE names further authorities; /etc/docker/certs.d/HOST/ca.crt counts as for Docker"
            words = f"the certificate of {host} is not trusted: {cause.verify_message}"
            return UnreachableError(words, kind="certificate", hint=hint)
        if isinstance(cause, ssl.SSLError) and not _broke_off(cause):
            hint = f"where it is meant to be spoken to without TLS: {PLAIN}={host}"
            return UnreachableError(f"{host} speaks no TLS that we understand", kind="certificate", hint=hint)
    if isinstance(error, NameResolutionError):
        return UnreachableError(f"{host} has no address here", kind=KIND, hint="check the store's address")
    words = "did not answer in time" if silent(error) else f"can't be reached ({_word(error)})"
    return UnreachableError(f"{host} {words}", kind=KIND, hint=_LATER)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, outermost first."""
    at: BaseException | None = error
    while at is not None:
        yield at
        wrapped = next((argument for argument in at.args if isinstance(argument, BaseException)), None)
        at = at.__cause__ or wrapped or at.__context__


def _word(error: BaseException) -> str:
    """The operating system's word for it where there is one."""
    words = (cause.strerror.lower() for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next(words, type(error).__name__)


def refused(host: str, answer: Answer, authority: Authority) -> ModelDevopsError:
    """The error for a status that was not expected, with the registry's own words."""
    words = authority.without_secrets(said(answer))
    place = authority.without_secrets(urlsplit(answer.url).path)
    if answer.status in (401, 403):
        return authority.denied(words)
    if answer.status == 404:
        return UnreachableError(f"{host} has nothing at {place}{_after(words)}", kind="not-there")
    if answer.status == 429 or answer.status >= 500:
        return UnreachableError(f"{host} answers {answer.status}{_after(words)}", kind=KIND, hint=_LATER)
    return RefusedError(f"{host} answers {answer.status}{_after(words)}", kind=KIND)


def _after(words: str) -> str:
    return f": {words}" if words else ""


def said(answer: Answer) -> str:
    """What the registry says went wrong: codes and messages, short and printable."""
    texts = [f"{item.get('code', '')} {item.get('message', '')}".strip() for item in _errors(answer)]
    words = "; ".join(text for text in texts if text)[:300]
    return "".join(letter if letter.isprintable() else " " for letter in words)


def codes(answer: Answer) -> set[str]:
    """The codes of what the registry says went wrong; none where it isn't a registry that speaks."""
    return {str(item.get("code")) for item in _errors(answer)}


def _errors(answer: Answer) -> list[dict[str, object]]:
    try:
        return [item for item in parsed(answer.data)["errors"] if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def retry_after(answer: Answer) -> float | None:
    """Seconds from now, given as such or as a date."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,18}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def untrusted(file: Path, error: Exception) -> UsageError:
    """The error for a file of authorities that can't be read."""
    return UsageError(f"{file} holds no certificates that can be read: {error}", kind="certificate")
