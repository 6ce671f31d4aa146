"""What a smoke request's answer must be (serve.smoke in model.yaml)."""

from __future__ import annotations

import json
from typing import Any

from model_devops.config.types import Smoke


def wrong(smoke: Smoke, status: int, text: str) -> list[str]:
    """What is wrong with an answer; nothing where it is as expected. Status 0: there was none, and `text` says why."""
    what = f"{smoke.method} {smoke.path}"
    if status != smoke.status:
        got = f"{status}: {text.strip()[:200]}" if status else f"no answer ({text})"
        return [f"{what} gave {got}, expected {smoke.status}"]
    if smoke.expect is None:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [f"{what} did not answer with JSON: {text.strip()[:200]}"]
    return [f"{what}: {problem}" for problem in _differences(smoke.expect, found)]


def _differences(expected: Any, found: Any) -> list[str]:
    """An object must have the fields that are named; anything else must be equal."""
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return [] if _equal(expected, found) else [f"answered {_short(found)}, expected {_short(expected)}"]
    wrong = {name: value for name, value in expected.items() if name not in found or not _equal(found[name], value)}
    return [f"{name} is {_short(found.get(name))}, expected {_short(value)}" for name, value in wrong.items()]


def _equal(one: Any, other: Any) -> bool:
    """As JSON has it: 1 and 1.0 are the same number, and true is none."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_equal(*pair) for pair in zip(one, other, strict=True))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _short(value: Any) -> str:
    return json.dumps(value)[:100]
