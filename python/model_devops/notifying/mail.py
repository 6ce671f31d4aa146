"""A message as a mail."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

from model_devops.errors import UsageError
from model_devops.notifying.formats import body, headline
from model_devops.notifying.news import News
from model_devops.notifying.secrets import Secrets

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,190}")
#: To how many authors a mail goes: whoever pushes a long history must not make us mail everybody in it.
AUTHORS = 10


def is_address(text: str) -> bool:
    """Whether this is one plain mail address, without anything that could become a second one or a header."""
    return _ADDRESS.fullmatch(text) is not None


def check_addresses(addresses: Sequence[str], option: str) -> None:
    """Raise UsageError for what is no address."""
    for address in addresses:
        if not is_address(address):
            raise UsageError(f"{option}: {address!r} is no mail address", hint="one address for each option")


def of_authors(news: News) -> list[str]:
    """The mail addresses of the authors, those with the most commits first; unusable ones left out."""
    return [author.mail for author in news.commits.authors if is_address(author.mail)][:AUTHORS]


def compose(news: News, secrets: Secrets, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Plain text, so that no markup in it means anything. All recipients see each other."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=78))
    title, text = secrets.redact(headline(news)), secrets.redact(body(news))
    message["Subject"] = title
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{title}\n\n{text}\n", charset="utf-8", cte="quoted-printable")
    return message


def default_sender() -> str:
    """Who writes, where nobody says: this program at this machine."""
    host = re.sub(r"[^A-Za-z0-9.-]", "", socket.gethostname()) or "localhost"
    return f"model-devops@{host}"
