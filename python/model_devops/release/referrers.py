"""Evidence in a repository: manifests with a `subject`, each under a tag of its own (S3, S4).

A listing that may be incomplete refuses: what is missing might be a revocation. Other people's
statements, and ours where they can't be read although their bytes are whole, are left out.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from model_devops.adapters.documents import parsed
from model_devops.errors import RefusedError, UnreachableError
from model_devops.release import bundles, statements
from model_devops.release.blobs import HEAL
from model_devops.release.evidence import Body, Evidence
from model_devops.release.packing import digest_of, is_digest
from model_devops.release.repository import Listing, Repository
from model_devops.release.standing import counting
from model_devops.release.store import Stored

if TYPE_CHECKING:
    from model_devops.adapters.keys import Signer

_OWN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.[0-9a-f]{16}")


class Referrers:
    """The statements of a repository. Read ones are kept: their digest is their content."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._read: dict[str, Evidence] = {}

    @cached_property
    def signer(self) -> Signer | None:
        """The key that statements are signed with from now on. Raises UsageError where it can't be used."""
        from model_devops.adapters.keys import from_environment

        return from_environment()

    def all(self, listing: Listing, release: str | None = None) -> list[Evidence]:
        """All statements, or those about one release, in the order in which they were written.

        Raises UnreachableError (kind `incomplete`) where bytes are missing or differ (S4).
        """
        digests = self._repository.each(lambda tag: _named_by(tag, listing), _own_tags(listing, release))
        digests = list(dict.fromkeys([*digests, *listing.others(release)]))
        items = [item for item in self._repository.each(self._evidence, digests) if item is not None]
        if not listing.ordered:
            items.sort(key=lambda item: item.body.time)
        return in_order({item.digest: item for item in items if release in (None, item.release)})

    def _evidence(self, digest: str) -> Evidence | None:
        """The statement, or None where it is none of ours or can't be understood."""
        try:
            return self._check(digest)
        except (statements.Foreign, statements.Garbled):
            return None
        except RefusedError as error:
            raise _incomplete(self._repository.location, error.message) from error

    def problems(self, listing: Listing) -> list[str]:
        """Statements that are damaged or can't be read, one message each."""
        found = []
        for name in [*_own_tags(listing, None), *listing.others(None)]:
            try:
                self._check(_named_by(name, listing) if _OWN_TAG.fullmatch(name) else name)
            except statements.Foreign:
                continue
            except (RefusedError, UnreachableError, statements.Garbled) as error:
                found.append(f"{name}: {error}")
        return found

    def _check(self, digest: str) -> Evidence:
        """Read one statement. Raises RefusedError (bytes), Foreign or Garbled."""
        if digest not in self._read:
            self._read[digest] = self._parse(digest)
        return self._read[digest]

    def _parse(self, digest: str) -> Evidence:
        try:
            manifest = parsed(self._repository.manifest(digest))
            release, kind = manifest["subject"]["digest"], manifest["artifactType"]
            if kind not in statements.TYPES:
                raise statements.Foreign(kind)
            (layer,) = manifest["layers"]
            if not is_digest(release) or not is_digest(layer["digest"]):
                raise ValueError("a digest that is none")
            content = self._repository.blobs.read(layer["digest"])
        except (KeyError, TypeError) as error:
            raise statements.Foreign(f"no statement: {error} is missing") from error
        except ValueError as error:
            raise error if isinstance(error, statements.Foreign) else statements.Garbled(str(error)) from error
        text, signature = (content, None) if kind == statements.IN_TOTO else _unpacked(content, manifest)
        body = statements.loads(text, release)
        return Evidence(digest=digest, release=release, body=body, statement=digest_of(text), signature=signature)

    def add(self, listing: Listing, subject: Stored, body: Body) -> Evidence:
        """Write a statement and list it; where the repository locks, the caller holds the lock."""
        release = subject.digest
        body = msgspec.structs.replace(body, supersedes=self._newest(listing, release, body))
        statement = statements.dumps(body, release, f"{subject.record.name}@{subject.version}")
        size = len(self._repository.manifest(release))
        layer = bundles.dumps(statement, self.signer) if self.signer else statement
        media_type = statements.BUNDLE if self.signer else statements.IN_TOTO
        manifest = statements.manifest(layer, media_type, body.kind, release, size)
        for data in (statements.EMPTY, layer):
            self._repository.blobs.put(data)
        self._repository.blobs.settle()
        digest = digest_of(manifest)
        listing.put(manifest, media_type, statements.tag(release, digest))
        signature = bundles.loads(layer)[1] if self.signer else None
        return Evidence(digest=digest, release=release, body=body, statement=digest_of(statement), signature=signature)

    def _newest(self, listing: Listing, release: str, body: Body) -> list[str]:
        """Digests of what the new statement comes after: same release, kind and environment (S3).

        Withdrawn ones too: who doesn't take that withdrawal (S5) must still see them end with this statement.
        """
        environment = getattr(body, "environment", None)
        same = [
            item
            for item in self.all(listing, release)
            if item.kind == body.kind and getattr(item.body, "environment", None) == environment
        ]
        return sorted(item.digest for item in counting(same))


def _unpacked(content: bytes, manifest: dict[str, Any]) -> tuple[bytes, bundles.Signature | None]:
    """The statement of a bundle and its signature. Unreadable is Garbled if it says it is ours, else Foreign."""
    try:
        return bundles.loads(content)
    except statements.Garbled as error:
        if statements.announced(manifest.get("annotations") or {}):
            raise
        raise statements.Foreign(str(error)) from error


def _own_tags(listing: Listing, release: str | None) -> list[str]:
    prefix = "sha256-" if release is None else statements.tag_prefix(release)
    return [tag for tag in listing.tags() if tag.startswith(prefix) and _OWN_TAG.fullmatch(tag)]


def _named_by(tag: str, listing: Listing) -> str:
    """The digest of the statement's manifest, which its tag begins to spell: nothing may stand in its place."""
    digest = listing.digest(tag)
    if digest is None or not digest.startswith("sha256:" + tag.rpartition(".")[2]):
        raise _incomplete("the store", f"the tag {tag} names {digest or 'nothing'}, which isn't that statement")
    return digest


def _incomplete(where: str, what: str) -> UnreachableError:
    return UnreachableError(
        f"a statement in {where} can't be read, so what was said of this release isn't known: {what}",
        kind="incomplete",
        hint=HEAL,
    )


def in_order(found: dict[str, Evidence]) -> list[Evidence]:
    """The order of the listing, but each after what it names: other tools write an index in any order."""
    ordered: dict[str, Evidence] = {}
    for item in found.values():
        stack = [item]
        while stack:
            before = [found[name] for name in stack[-1].body.supersedes if name in found and name not in ordered]
            stack += before
            if not before:
                last = stack.pop()
                ordered[last.digest] = last
    return list(ordered.values())
