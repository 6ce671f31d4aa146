"""Whether a registry is spoken to with TLS, and which authorities are trusted then.

Every host is, but for those that MODEL_DEVOPS_PLAIN_HTTP names and this machine's own addresses. Of these nobody can
tell beforehand: they are asked, as Docker does, before anything else is sent.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from model_devops.adapters.registry import problems
from model_devops.adapters.registry.address import is_allowed, is_loopback

CERTIFICATES = Path("/etc/docker/certs.d")
"""Where Docker keeps authorities, by host."""
PATIENCE = 3.0
"""Seconds for a server on this machine to answer the beginning of TLS."""
#: How OpenSSL calls an answer that is no TLS.
_NO_TLS = {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}


def is_plain(host: str) -> bool | None:
    """Whether TLS is left out; None where that can't be told now, since nobody listens on this machine.

    A host elsewhere is never asked: whoever stands between could answer for it. Neither is one that authorities are
    kept for: there TLS is what is wanted.
    """
    if is_allowed(host):
        return True
    return _asked(host) if is_loopback(host) and not (CERTIFICATES / host).is_dir() else False


def _asked(host: str) -> bool | None:
    """Begin TLS. Only an answer that is none, or none at all, means that there is none."""
    parts = urlsplit(f"//{host}")
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), PATIENCE) as connection,
            trust(host).wrap_socket(connection, server_hostname=parts.hostname),
        ):
            return False
    except ssl.SSLEOFError:
        return True
    except ssl.SSLError as error:  # a certificate that isn't trusted is TLS as well: the request itself will say so
        return error.reason in _NO_TLS
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        return True
    except OSError:
        return None


def trust(host: str) -> ssl.SSLContext:
    """The machine's authorities (SSL_CERT_FILE, SSL_CERT_DIR), and those that Docker keeps for this registry."""
    context = ssl.create_default_context()
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    folder = CERTIFICATES / host
    for file in [*([Path(bundle)] if bundle else []), *(sorted(folder.glob("*.crt")) if folder.is_dir() else [])]:
        try:
            context.load_verify_locations(file if file.is_file() else None, file if file.is_dir() else None)
        except (OSError, ssl.SSLError) as error:
            raise problems.untrusted(file, error) from None
    return context
