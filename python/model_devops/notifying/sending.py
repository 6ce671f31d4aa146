"""Sending a message to where it should go. What doesn't arrive is said, and fails nothing."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from model_devops.adapters import smtp, webhook
from model_devops.adapters.patience import NotSentError, Patience, patiently
from model_devops.errors import UsageError
from model_devops.notifying import mail, signing
from model_devops.notifying.formats import FORMATS
from model_devops.notifying.news import News
from model_devops.notifying.secrets import URL, Secrets


@dataclass(frozen=True)
class Destinations:
    """Where a message goes. Secrets apart, everything comes from options."""

    secrets: Secrets
    format: str = "json"
    mail_to: tuple[str, ...] = ()
    mail_authors: bool = False
    mail_from: str | None = None
    server: smtp.Server | None = None
    patience: Patience = field(default_factory=Patience)


@dataclass
class Report:
    """What became of it, for people and for the result document; without any secret."""

    sent: list[str] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


def check(to: Destinations) -> None:
    """Raise UsageError for a call that could never send anything, before anything is gathered."""
    if to.secrets.url:
        _check_url(to.secrets.url)
    if to.secrets.secret:
        signing.key(to.secrets.secret)
    wants_mail = bool(to.mail_to or to.mail_authors)
    if wants_mail and to.server is None:
        raise UsageError("mail needs a server", hint="add --smtp HOST:PORT")
    if not wants_mail and not to.secrets.url:
        hint = f"set {URL} in the environment, or give --mail-to and --smtp"
        raise UsageError("there is nobody to tell", kind="no-destination", hint=hint)
    mail.check_addresses(to.mail_to, "--mail-to")
    mail.check_addresses([to.mail_from] if to.mail_from else [], "--mail-from")


def _check_url(url: str) -> None:
    """The address is a secret, so what is wrong with it is said without it."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) and url.isascii()
    except ValueError:
        sound = False
    if not sound or any(character <= " " for character in url):
        raise UsageError(f"{URL} is no address of a webhook", hint="it begins with https://, and is one line")
    if parts.username is not None:
        raise UsageError(f"{URL} holds a user name, which webhooks don't know")


def send(news: News, to: Destinations) -> Report:
    """Send to every destination, each on its own: none keeps another from being told."""
    report = Report()
    if to.secrets.url:
        _try(report, f"webhook ({to.format})", to.secrets, lambda: _post(news, to))
    recipients = list(dict.fromkeys([*to.mail_to, *(mail.of_authors(news) if to.mail_authors else [])]))
    if recipients and to.server:
        _try(report, f"mail by {to.server.host}", to.secrets, lambda: _mail(report, news, to, recipients))
    return report


def _try(report: Report, name: str, secrets: Secrets, deliver: Callable[[], str | None]) -> None:
    try:
        done = deliver()
    except NotSentError as error:
        report.failed.append({"to": name, "why": secrets.redact(error.message)})
    else:
        report.sent += [done] if done else []


def _post(news: News, to: Destinations) -> str:
    secrets = to.secrets
    document = secrets.redact_all(FORMATS[to.format](news))
    payload = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    identifier = f"msg_{uuid.uuid4().hex}"
    headers = signing.headers(secrets.secret, identifier, int(time.time()), payload) if secrets.secret else {}
    url = str(secrets.url)
    patiently(lambda: webhook.post(url, payload, headers, to.patience.attempt), to.patience)
    return f"webhook ({to.format})"


def _mail(report: Report, news: News, to: Destinations, recipients: list[str]) -> None:
    assert to.server is not None
    server = replace(to.server, user=to.secrets.user, password=to.secrets.password)
    message = mail.compose(news, to.secrets, to.mail_from or mail.default_sender(), recipients)
    refused = patiently(lambda: smtp.deliver(server, message, recipients, to.patience.attempt), to.patience)
    report.sent += [f"mail to {address}" for address in recipients if address not in refused]
    report.failed += [{"to": f"mail to {address}", "why": to.secrets.redact(why)} for address, why in refused.items()]
