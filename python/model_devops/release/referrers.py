"""Evidence in a layout: manifests with a `subject`, each under a tag of its own (S3, S4).

A listing that may be incomplete refuses: what is missing might be a revocation. Other people's
statements, and ours where they can't be read although their bytes are whole, are left out.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from model_devops.errors import RefusedError, UnreachableError
from model_devops.release import index as indexes
from model_devops.release import statements
from model_devops.release.blobs import Blobs
from model_devops.release.evidence import Body, Evidence
from model_devops.release.index import Index
from model_devops.release.packing import MANIFEST, Descriptor
from model_devops.release.standing import counting

_OWN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.[0-9a-f]{16}")


class Referrers:
    """The statements of a layout. Read ones are kept: their digest is their content."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._folder = folder
        self._blobs = blobs
        self._read: dict[str, Evidence] = {}

    def may_be(self, entry: Descriptor) -> bool:
        """Whether an entry of the index can be a statement, as far as the index tells."""
        tag = indexes.tag_of(entry)
        if tag is not None:
            return _OWN_TAG.fullmatch(tag) is not None or tag.startswith("sha256-")
        return bool(entry.get("artifactType", statements.IN_TOTO) == statements.IN_TOTO)

    def all(self, index: Index, release: str | None = None) -> list[Evidence]:
        """All statements, or those about one release, in the order in which they were written.

        Raises UnreachableError (kind `incomplete`) where bytes are missing or differ (S4).
        """
        found: dict[str, Evidence] = {}
        for entry in index.entries:
            if not self.may_be(entry) or not _may_be_about(entry, release):
                continue
            with contextlib.suppress(statements.Foreign, statements.Garbled):
                item = self._evidence(entry)
                if release in (None, item.release):
                    found[item.digest] = item
        return _in_order(found)

    def _evidence(self, entry: Descriptor) -> Evidence:
        try:
            return self.check(entry)
        except RefusedError as error:
            raise UnreachableError(
                f"a statement in {self._folder} can't be read, so what was said of this release isn't known:"
                f" {error.message}",
                kind="incomplete",
                hint=error.hint,
            ) from error

    def check(self, entry: Descriptor) -> Evidence:
        """Read one statement. Raises RefusedError (bytes), Foreign or Garbled."""
        digest = entry["digest"]
        if digest not in self._read:
            self._read[digest] = self._parse(digest)
        return self._read[digest]

    def _parse(self, digest: str) -> Evidence:
        try:
            manifest = json.loads(self._blobs.read(digest))
            release = manifest["subject"]["digest"]
            if manifest["artifactType"] != statements.IN_TOTO:
                raise statements.Foreign(manifest["artifactType"])
            (layer,) = manifest["layers"]
            statement_digest = layer["digest"]
        except (KeyError, TypeError) as error:
            raise statements.Foreign(f"no statement: {error} is missing") from error
        except ValueError as error:
            raise error if isinstance(error, statements.Foreign) else statements.Garbled(str(error)) from error
        body = statements.loads(self._blobs.read(statement_digest), release)
        return Evidence(digest=digest, release=release, body=body)

    def add(self, index: Index, subject: Descriptor, name: str, body: Body) -> Evidence:
        """Write a statement and list it; the caller holds the index's lock."""
        release = subject["digest"]
        body = msgspec.structs.replace(body, supersedes=self._newest(index, release, body))
        statement = statements.dumps(body, release, name)
        manifest = statements.manifest(statement, body.kind, release, subject["size"])
        for data in (statements.EMPTY, statement, manifest):
            digest = self._blobs.put(data)
        self._blobs.settle()
        index.put(_descriptor(digest, len(manifest)), statements.tag(release, digest))
        return Evidence(digest=digest, release=release, body=body)

    def _newest(self, index: Index, release: str, body: Body) -> list[str]:
        """Digests of what the new statement comes after: same release, kind and environment (S3).

        Withdrawn ones too: who doesn't take that withdrawal (S5) must still see them end with this statement.
        """
        environment = getattr(body, "environment", None)
        same = [
            item
            for item in self.all(index, release)
            if item.kind == body.kind and getattr(item.body, "environment", None) == environment
        ]
        return sorted(item.digest for item in counting(same))


def _in_order(found: dict[str, Evidence]) -> list[Evidence]:
    """The order of the index, but each after what it names: other tools write the index in any order."""
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


def _may_be_about(entry: Descriptor, release: str | None) -> bool:
    tag = indexes.tag_of(entry)
    if release is None or tag is None or not _OWN_TAG.fullmatch(tag):
        return True
    return tag.startswith(statements.tag_prefix(release))


def _descriptor(digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "artifactType": statements.IN_TOTO, "digest": digest, "size": size}
