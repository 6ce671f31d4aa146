"""Whose signatures an environment asks for: `signed_by`, and the keys of persons who approve (P1, S5, A1)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from model_devops.config.types import Approval, Environment
from model_devops.errors import Problem, UsageError
from model_devops.release.evidence import Evidence

if TYPE_CHECKING:
    from model_devops.adapters.keys import PublicKey, Signer

Read = Callable[[str], "bytes | None"]
"""The bytes of a key file, by its path as written; None where there is none."""
INLINE = "-----BEGIN "


def with_keys(block: Environment, read: Read, where: str) -> Environment:
    """The block with the text of each key in place of its file's path, so that it can be kept (D8).

    `where` is the block's file. Raises UsageError where a file is missing or no public key.
    """
    return msgspec.structs.replace(
        block,
        signed_by=texts(block.signed_by, read, where),
        approval=with_persons(block.approval, read, where),
    )


def with_persons(approval: bool | Approval, read: Read, where: str) -> bool | Approval:
    """The same for the keys of persons."""
    if isinstance(approval, bool) or not approval.keys:
        return approval
    found = dict(zip(approval.keys, texts(approval.keys.values(), read, where), strict=True))
    return msgspec.structs.replace(approval, keys=found)


def texts(keys: Iterable[str], read: Read, where: str) -> list[str]:
    """Public keys as PEM, each given so or by its file. Raises UsageError with all that are none."""
    found: list[str] = []
    refused: list[UsageError] = []
    for key in keys:
        try:
            found.append(_text(key, read, where))
        except UsageError as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        problems = [Problem(error.message, hint=error.hint) for error in refused]
        raise UsageError(f"{len(refused)} keys in {where} can't be used", kind="key", problems=problems)
    return found


def _text(key: str, read: Read, where: str) -> str:
    from model_devops.adapters.keys import load_public

    if INLINE in key:
        return load_public(key, f"a key in {where}").pem
    data = read(key)
    if data is None:
        hint = "commit it there: `model-devops key show PRIVATE-KEY > FILE` writes it"
        raise UsageError(f"{where} names the key {key}, and there is no such file", kind="key", hint=hint)
    return load_public(data.decode("utf-8", "replace"), f"{key}, which {where} names,").pem


def beside(file: str, key: str) -> str:
    """The path of a key file, relative to the folder of the file that names it, in the same repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), key))


@dataclass(frozen=True)
class Trust:
    """The keys by which a statement must be signed to speak for a release. Without any, none has to be signed.

    There is a list for each who asks (model.yaml, the administrator): the key must be in every one of them.
    """

    lists: tuple[tuple[PublicKey, ...], ...] = ()

    @property
    def accepted(self) -> list[PublicKey]:
        """The keys that will do."""
        first, *others = self.lists or [()]
        known = [{key.fingerprint for key in keys} for keys in others]
        return [key for key in first if all(key.fingerprint in names for names in known)]

    def key(self, item: Evidence) -> str | None:
        """The fingerprint of the accepted key that signed a statement; None where there is none, or none is asked."""
        return signed_with(item, self.accepted)

    def holds(self, item: Evidence) -> bool:
        """Whether a statement may speak for a release here."""
        return not self.lists or self.key(item) is not None

    def takes(self, signer: Signer | None) -> bool:
        """Whether what this key signs will hold; None: what is unsigned."""
        return not self.lists or (signer is not None and signer.public.fingerprint in self._names())

    def objection(self, item: Evidence) -> str:
        """Why a statement doesn't hold."""
        if item.signature is None:
            return f"{_named(item)} is not signed"
        if item.signature.hint in self._names():
            return f"the signature of {_named(item)} is wrong: it isn't that of {item.signature.hint[:19]}"
        return f"{_named(item)} is signed by {item.signature.hint[:19]}, which is not accepted"

    def how(self) -> str:
        """What a command needs besides to make a statement that holds, as the end of a sentence."""
        if not self.lists:
            return ""
        names = ", ".join(sorted(name[:19] for name in self._names())) or "none: the lists have no key in common"
        return f", with MODEL_DEVOPS_SIGNING_KEY set to an accepted key ({names})"

    def used(self, items: Iterable[Evidence]) -> str:
        """By which keys these are signed, as the end of a sentence; nothing where none is asked."""
        return signed_by(self.keys(items))

    def keys(self, items: Iterable[Evidence]) -> list[str]:
        """The fingerprints of the accepted keys that signed these, each once."""
        return sorted({key for item in items if (key := self.key(item))})

    def _names(self) -> set[str]:
        return {key.fingerprint for key in self.accepted}


def trust(lists: Iterable[Sequence[str]]) -> Trust:
    """Who is trusted by the lists that ask for anything. The keys are PEM."""
    from model_devops.adapters.keys import load_public

    return Trust(tuple(tuple(load_public(pem, "a kept key") for pem in keys) for keys in lists if keys))


def signed_by(fingerprints: Iterable[str]) -> str:
    """Keys as the end of a sentence."""
    names = ", ".join(sorted({name[:19] for name in fingerprints}))
    return f", signed by {names}" if names else ""


def signed_with(item: Evidence, keys: Iterable[PublicKey]) -> str | None:
    """The fingerprint of the first of these keys that signed a statement."""
    if item.signature is None:
        return None
    return next((key.fingerprint for key in keys if item.signature.by(key)), None)


def _named(item: Evidence) -> str:
    return f"the statement {item.digest[7:23]} ({item.kind})"
