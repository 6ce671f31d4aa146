"""The secrets of the destinations: only from the environment, and never in anything that is shown or sent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

URL, SECRET = "MODEL_DEVOPS_WEBHOOK_URL", "MODEL_DEVOPS_WEBHOOK_SECRET"
USER, PASSWORD = "MODEL_DEVOPS_SMTP_USER", "MODEL_DEVOPS_SMTP_PASSWORD"


@dataclass(frozen=True)
class Secrets:
    """What the environment holds; `repr` shows none of it."""

    url: str | None
    secret: str | None
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return "Secrets(***)"

    def redact(self, text: str) -> str:
        """`text` without the secrets, as they are and in the forms in which protocols carry them."""
        for form in sorted(self._forms(), key=len, reverse=True):
            text = text.replace(form, "***")
        return text

    def redact_all(self, value: Any) -> Any:
        """The same for every text in a document."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {key: self.redact_all(item) for key, item in value.items()}
        return [self.redact_all(item) for item in value] if isinstance(value, list) else value

    def _forms(self) -> set[str]:
        login = f"{self.user}:{self.password}", f"\0{self.user}\0{self.password}"
        plain = [self.secret, self.password, self.url, _path(self.url), *(login if self.password else ())]
        forms = set()
        for value in filter(None, plain):
            coded = value.encode("utf-8", "surrogateescape")
            forms |= {value, quote(coded, safe=""), quote_plus(coded), quote(coded), base64.b64encode(coded).decode()}
        return {form for form in forms if len(form) > 3}  # shorter ones are no secrets, and would be found anywhere


NONE = Secrets(None, None, None, None)


def _path(url: str | None) -> str | None:
    """The part of a webhook's address that makes it a secret."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path.rstrip("/") or None


def from_environment(environ: Mapping[str, str]) -> Secrets:
    """The destinations' secrets; an empty variable is none."""
    return Secrets(*(environ.get(name, "").strip() or None for name in (URL, SECRET, USER, PASSWORD)))
