"""Lists of objects, which a cluster gives in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_devops.adapters.kubernetes.session import Answer, Query, Session

PAGE = 500
"""Objects of one answer."""


def listed(session: Session, path: str, query: Query, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """All items. Where a list grew too old between two pages (410), from the beginning and in one piece."""

    def page(*more: tuple[str, str]) -> Answer:
        return session.request("GET", path, query=[*query, *more], headers=headers, fine=(410,))

    items: list[dict[str, Any]] = []
    answer = page(("limit", str(PAGE)))
    while answer.status != 410:
        found = answer.json()
        items += found.get("items") or []
        token = (found.get("metadata") or {}).get("continue")
        if not token:
            return items
        answer = page(("limit", str(PAGE)), ("continue", token))
    return list(session.request("GET", path, query=query, headers=headers).json().get("items") or [])
