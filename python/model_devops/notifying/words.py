"""Text from anywhere (git, results, metrics, servers) as text that may be sent: one line, short, harmless."""

from __future__ import annotations

import re

#: Control characters, lone surrogates, and the marks by which text is shown in another order than it is written.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def line(text: object, limit: int) -> str:
    """One line of at most `limit` characters; what is cut off is marked by an ellipsis."""
    raw = str(text)[: limit * 20]  # what follows never shows, and may be megabytes
    clean = re.sub(r"\s+", " ", _HARMFUL.sub(" ", raw)).strip()
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def link(address: str | None) -> str | None:
    """An address that may be made a link of: http or https, and nothing in it that ends a link in any markup."""
    if address and re.fullmatch(r"https?://[^\s<>|\"'`\\\x00-\x1f\x7f]{1,1000}", address):
        return address
    return None
