"""Handing a mail to an SMTP server: encrypted unless it stays on this machine or the caller wants it so."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage

from model_devops.adapters.patience import NotSentError

AUTO, STARTTLS, TLS, PLAIN = "auto", "starttls", "tls", "plain"
SUBMISSION, IMPLICIT_TLS = 587, 465


@dataclass(frozen=True)
class Server:
    """Where mail goes, and how."""

    host: str
    port: int = SUBMISSION
    security: str = AUTO
    """`auto`: TLS from the start on port 465, else STARTTLS, which only a server on this machine may lack."""
    user: str | None = None
    password: str | None = None


def deliver(server: Server, message: EmailMessage, recipients: Sequence[str], seconds: float) -> dict[str, str]:
    """Hand over once; returns the recipients that the server refused, with its words. Raises NotSentError."""
    try:
        with _connected(server, seconds) as connection:
            _secure(connection, server)
            if server.user and server.password:
                connection.login(server.user, server.password)
            refused = connection.send_message(message, message["From"], list(recipients))
    except smtplib.SMTPRecipientsRefused as error:
        return _words(error.recipients)
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise _not_sent(error) from None
    return _words(refused)


@contextlib.contextmanager
def _connected(server: Server, seconds: float) -> Iterator[smtplib.SMTP]:
    implicit = server.security == TLS or (server.security == AUTO and server.port == IMPLICIT_TLS)
    if implicit:
        context = ssl.create_default_context()
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=seconds)
    try:
        yield connection
        with contextlib.suppress(smtplib.SMTPException, OSError):  # it has the mail: how it says goodbye is no matter
            connection.quit()
    finally:
        connection.close()


def _secure(connection: smtplib.SMTP, server: Server) -> None:
    if isinstance(connection, smtplib.SMTP_SSL) or server.security == PLAIN:
        return
    connection.ehlo_or_helo_if_needed()
    if connection.has_extn("starttls"):
        connection.starttls(context=ssl.create_default_context())
    elif server.security == STARTTLS or not _is_this_machine(connection):
        raise NotSentError(
            "it offers no STARTTLS, and nothing is sent in the clear unless asked: --smtp-security plain"
        )


def _is_this_machine(connection: smtplib.SMTP) -> bool:
    return is_loopback(connection.sock.getpeername()[0]) if connection.sock else False


def is_loopback(address: str) -> bool:
    """Whether a peer's IP address, perhaps with an interface, is of this machine."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _words(refused: dict[str, tuple[int, bytes]]) -> dict[str, str]:
    return {to: f"{code} {words.decode('utf-8', 'replace')}" for to, (code, words) in refused.items()}


def _not_sent(error: Exception) -> NotSentError:
    if isinstance(error, NotSentError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        words = f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE names further authorities"
        return NotSentError(words)
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return NotSentError(f"it answers {error.smtp_code} {words}", again=400 <= error.smtp_code < 500)
    if isinstance(error, TimeoutError):
        return NotSentError("no answer in time")
    gone = isinstance(error, (smtplib.SMTPServerDisconnected, OSError)) and not isinstance(error, ssl.SSLError)
    return NotSentError(getattr(error, "strerror", None) or str(error) or type(error).__name__, again=gone)
