"""JSON that somebody else wrote."""

from __future__ import annotations

import json
from typing import Any


def parsed(data: bytes | str) -> Any:
    """What it says. Raises ValueError for whatever is no JSON, also where it is nested too deeply to be read."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
