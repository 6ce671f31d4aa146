"""Who signed a statement, for people to read: nothing is decided on it (policy/trust.py does that)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.config.types import Model
from model_devops.errors import UsageError
from model_devops.policy.trust import INLINE
from model_devops.release.evidence import Evidence

if TYPE_CHECKING:
    from model_devops.adapters.keys import PublicKey

Named = dict[str, tuple[str, "PublicKey"]]
"""Keys that a model.yaml names, and what they are called there, by fingerprint."""
UNSIGNED = "unsigned"


@dataclass(frozen=True)
class Signer:
    """What is known of a statement's signature."""

    words: str
    key: str | None = None
    """The fingerprint that the statement claims; not looked into where the key isn't known here."""
    name: str | None = None
    """What model.yaml calls that key, where the key made the signature."""
    verified: bool | None = None
    """Whether it did; None where the key isn't known here."""


def named(model: Model, folder: Path) -> Named:
    """The keys that model.yaml of this checkout names. One that can't be read names nobody."""
    from model_devops.adapters.keys import load_public

    found: Named = {}
    for name, text in _written(model):
        try:
            pem = text if INLINE in text else (folder / text).read_text("utf-8", "replace")
            key = load_public(pem, name)
        except (OSError, ValueError, UsageError):
            continue
        found.setdefault(key.fingerprint, (name, key))
    return found


def _written(model: Model) -> Iterator[tuple[str, str]]:
    """What each key is called, and how it is written; persons before the lists."""
    for block in model.environments.values():
        approval = block.approval
        yield from () if isinstance(approval, bool) else approval.keys.items()
    for name, block in model.environments.items():
        yield from ((f"a key of {name}" if INLINE in key else key, key) for key in block.signed_by)


def signer(item: Evidence, known: Named) -> Signer:
    """Who signed a statement, as far as can be told with these keys."""
    if item.signature is None:
        return Signer(UNSIGNED)
    hint = item.signature.hint
    if hint not in known:
        claimed = hint[:19] if re.fullmatch(r"sha256:[0-9a-f]{64}", hint) else "a key without a fingerprint"
        return Signer(f"{claimed} (unknown here)", hint)
    name, key = known[hint]
    if item.signature.by(key):
        return Signer(f"{name} ({hint[:19]})", hint, name, True)
    return Signer(f"WRONG: not made by {name}", hint, None, False)
