"""The clock. Times are for people: no decision rests on them, except the expiry of approvals."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(timezone.utc)


def timestamp() -> str:
    """The current time as RFC 3339 in UTC with milliseconds."""
    return now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
