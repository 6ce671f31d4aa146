"""What a registry's answers and silences mean, in our errors."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_devops.adapters import transport
from model_devops.adapters.documents import parsed
from model_devops.adapters.registry.address import PLAIN
from model_devops.errors import ModelDevopsError, RefusedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from model_devops.adapters.registry.auth import Authority
    from model_devops.adapters.registry.session import Answer

KIND = "registry"
_LATER = "run this again: nothing is sent twice"


def unreachable(host: str, error: Exception) -> ModelDevopsError:
    """The error where no answer came."""
    from urllib3.exceptions import NameResolutionError

    failure = transport.tls_failure(error)
    if isinstance(failure, ssl.SSLCertVerificationError):
        hint = "SSL_CERT_FILE names further authorities; /etc/docker/certs.d/HOST/ca.crt counts as for Docker"
        words = f"the certificate of {host} is not trusted: {failure.verify_message}"
        return UnreachableError(words, kind="certificate", hint=hint)
    if failure is not None:
        hint = f"where it is meant to be spoken to without TLS: {PLAIN}={host}"
        return UnreachableError(f"{host} speaks no TLS that we understand", kind="certificate", hint=hint)
    if isinstance(error, NameResolutionError):
        return UnreachableError(f"{host} has no address here", kind=KIND, hint="check the store's address")
    words = "did not answer in time" if transport.silent(error) else f"can't be reached ({transport.word(error)})"
    return UnreachableError(f"{host} {words}", kind=KIND, hint=_LATER)


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


def untrusted(file: Path, error: Exception) -> UsageError:
    """The error for a file of authorities that can't be read."""
    return UsageError(f"{file} holds no certificates that can be read: {error}", kind="certificate")
