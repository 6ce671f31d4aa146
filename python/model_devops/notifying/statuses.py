"""The word that a message begins with, from what the step said, what CI says, and how the build before ended."""

from __future__ import annotations

from typing import Any

from model_devops.errors import UsageError

OK, FIXED, FAILED, ABORTED, REJECTED, NOT_BUILT = "ok", "fixed", "failed", "aborted", "rejected", "not-built"

#: What a caller may say, Jenkins' own words included, and what it means here.
SPOKEN = {
    "ok": OK,
    "success": OK,
    "fixed": OK,
    "failed": FAILED,
    "failure": FAILED,
    "unstable": "unstable",
    "aborted": ABORTED,
    "not-built": NOT_BUILT,
    "rejected": REJECTED,
    **{word: word for word in ("refused", "restored", "broken", "busy", "unreachable")},
}
#: The status of a result document, where it is not the word itself.
_WRITTEN = {"internal": FAILED, "usage": FAILED, "interrupted": ABORTED, "terminated": ABORTED}
#: After one of these nobody knows whether anything is broken.
_UNDECIDED = (ABORTED, NOT_BUILT)


def spoken(word: str) -> str:
    """A caller's word as one of ours. Raises ValueError with what is allowed."""
    found = SPOKEN.get(word.strip().lower().replace("_", "-"))
    if found is None:
        raise ValueError(f"{word!r} is none of: {', '.join(SPOKEN)}")
    return found


def of(document: dict[str, Any], said: str | None, unread: bool) -> str:
    """How it ended: a step that failed knows best how; a step that was fine says nothing about the rest of the build.

    Raises UsageError where nobody says anything.
    """
    written = _written(document)
    if written not in (None, OK):
        return str(written)
    if unread and said in (None, OK):
        return FAILED
    if said is None and written is None:
        raise UsageError(
            "there is nothing to tell", kind="nothing-to-tell", hint="name a step's result with --of, or give --status"
        )
    return said or OK


def _written(document: dict[str, Any]) -> str | None:
    status = document.get("status")
    error = document.get("error")
    if not isinstance(status, str):
        return None
    if isinstance(error, dict) and error.get("kind") == "superseded":
        return NOT_BUILT
    if status == OK and document.get("decision") == REJECTED:
        return REJECTED
    return _WRITTEN.get(status) or SPOKEN.get(status, FAILED)


def after(previous: str | None, status: str) -> str:
    """`fixed`, where the build before was broken and this one is not."""
    broken = previous is not None and previous != OK and previous not in _UNDECIDED
    return FIXED if status == OK and broken else status


def is_news(previous: str | None, status: str) -> bool:
    """Nobody wants to hear that all is well as before."""
    return not (status == OK and previous == OK)
