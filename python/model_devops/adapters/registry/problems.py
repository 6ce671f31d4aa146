"""What a registry's answers and silences mean, in our errors."""

from __future__ import annotations

import email.utils
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_devops.errors import ModelDevopsError, RefusedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from model_devops.adapters.registry.auth import Authority

KIND = "registry"
_LATER = "what was sent is kept: run this again"


def transport() -> tuple[type[Exception], ...]:
    """What can go wrong on the way."""
    from urllib3.exceptions import HTTPError

    return (HTTPError, OSError)


def temporary(error: Exception) -> bool:
    """Whether another attempt may help."""
    from urllib3.exceptions import LocationParseError, SSLError

    return not isinstance(error, (SSLError, LocationParseError))


def unreachable(host: str, error: Exception) -> ModelDevopsError:
    """The error where no answer came."""
    from urllib3.exceptions import NameResolutionError, NewConnectionError, SSLError
    from urllib3.exceptions import TimeoutError as Silence

    if isinstance(error, SSLError):
        hint = "SSL_CERT_FILE names further authorities; /etc/docker/certs.d/HOST/ca.crt counts as for Docker"
        return UnreachableError(f"the certificate of {host} is not trusted", kind="certificate", hint=hint)
    if isinstance(error, NameResolutionError):
        return UnreachableError(f"{host} has no address here", kind=KIND, hint="check the store's address")
    silent = isinstance(error, Silence) and not isinstance(error, NewConnectionError)  # which is one, oddly
    words = "did not answer in time" if silent else f"can't be reached ({_word(error)})"
    return UnreachableError(f"{host} {words}", kind=KIND, hint=_LATER)


def _word(error: BaseException) -> str:
    """The operating system's word for it where there is one."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.strerror:
            return at.strerror.lower()
        at = at.__cause__ or at.__context__
    return type(error).__name__


def refused(host: str, answer: BaseHTTPResponse, authority: Authority) -> ModelDevopsError:
    """The error for a status that was not expected. The body is read for the registry's own words."""
    words = said(answer)
    place = urlsplit(answer.url or "").path if isinstance(answer.url, str) else ""
    if answer.status in (401, 403):
        return authority.denied(words)
    if answer.status == 404:
        return UnreachableError(f"{host} has nothing at {place}{_after(words)}", kind="not-there")
    if answer.status == 429 or answer.status >= 500:
        return UnreachableError(f"{host} answers {answer.status}{_after(words)}", kind=KIND, hint=_LATER)
    return RefusedError(f"{host} answers {answer.status}{_after(words)}", kind=KIND)


def _after(words: str) -> str:
    return f": {words}" if words else ""


def said(answer: BaseHTTPResponse) -> str:
    """What the registry says went wrong: codes and messages, short."""
    try:
        document = json.loads(_beginning(answer) or b"null")
        errors = document["errors"] if isinstance(document, dict) else []
        texts = [f"{item.get('code', '')} {item.get('message', '')}".strip() for item in errors]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return "; ".join(text for text in texts if text)[:300]


def _beginning(answer: BaseHTTPResponse) -> bytes:
    try:
        return answer.data[: 1 << 16]
    except transport():
        return b""


def retry_after(answer: BaseHTTPResponse) -> float | None:
    """Seconds from now, given as such or as a date."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def untrusted(file: Path, error: Exception) -> UsageError:
    """The error for a file of authorities that can't be read."""
    return UsageError(f"{file} holds no certificates that can be read: {error}", kind="certificate")
