"""A revision as result documents show it."""

from __future__ import annotations

from typing import Any

import msgspec

from model_devops.deploy.revision import Revision


def revision_fields(revision: Revision | None) -> dict[str, Any] | None:
    """All that is recorded of a revision but its settings."""
    if revision is None:
        return None
    fields: dict[str, Any] = msgspec.to_builtins(revision)
    fields.pop("settings", None)
    return fields
