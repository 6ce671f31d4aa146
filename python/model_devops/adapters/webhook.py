"""Posting to a web hook: certificates and proxies as the environment says, and no step to any other address."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from model_devops import __version__
from model_devops.adapters.patience import NotSentError
from model_devops.adapters.transport import retry_after

_AGENT = {"User-Agent": f"model-devops/{__version__}", "Content-Type": "application/json; charset=utf-8"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The address is a secret, and the body is meant for one receiver."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Follow none: the answer is then an error with its 3xx status."""
        return


def post(url: str, payload: bytes, headers: Mapping[str, str], seconds: float) -> None:
    """Post once. Raises NotSentError for everything but an answer of 2xx; its words never hold `url`."""
    request = urllib.request.Request(url, payload, {**_AGENT, **headers}, method="POST")
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    try:
        urllib.request.build_opener(tls, _NoRedirects).open(request, timeout=seconds).close()
    except urllib.error.HTTPError as answer:
        answer.close()
        raise _answered(answer) from None
    except (OSError, http.client.HTTPException) as error:
        raise _unanswered(error) from None


def _answered(answer: urllib.error.HTTPError) -> NotSentError:
    if 300 <= answer.code < 400:
        return NotSentError(f"it answers {answer.code}, a redirection, which is not followed: give the final address")
    again = answer.code == 429 or answer.code >= 500
    after = retry_after(answer.headers.get("Retry-After", ""))
    return NotSentError(f"it answers {answer.code}", again=again, after=after)


def _unanswered(error: OSError | http.client.HTTPException) -> NotSentError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        words = f"its certificate is not trusted: {reason.verify_message}; SSL_CERT_FILE names further authorities"
        return NotSentError(words)
    if isinstance(reason, TimeoutError):
        return NotSentError("no answer in time")
    if isinstance(reason, socket.gaierror):
        return NotSentError("its host has no address here", again=True)
    words = getattr(reason, "strerror", None) or type(reason).__name__
    return NotSentError(f"no answer: {words}", again=not isinstance(reason, ssl.SSLError))
