"""What an environment keeps of itself in its namespace: its place, its revisions, what each was made of (D2, P4).

Secrets, since a Role can give these to few; none holds anything secret. One for the place, and two for each revision:
the small record, and what it applied.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from model_devops import faults
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.refusals import ChangedError, ExistsError
from model_devops.deploy.kubernetes.lists import RECORD, Lists
from model_devops.deploy.revision import Place, Revision
from model_devops.errors import BusyError, ModelDevopsError, RefusedError
from model_devops.manifests.values import DOMAIN, INSTANCE, common_labels, object_name

T = TypeVar("T", bound=msgspec.Struct)
Object = dict[str, Any]
#: Bytes of a Secret's data, below the 1 MiB that the API takes of it.
PART = 700_000
#: What was applied is kept of so many revisions; the records themselves of more, and of all that block a release.
KEPT_SETS, KEPT_RECORDS = 10, 200


class Applied(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a revision is made of."""

    objects: list[Object]
    """In the order in which they are applied."""
    files: dict[str, str] = {}
    """SHA-256 by path, relative to the server's folder: the release's files in its image."""
    model: list[str] = []
    """Those of them that are the model's."""
    complete: bool = True
    """Whether the image has all of these files, as those made on a base have, or at least the model's."""


class Records:
    """The documents of one environment."""

    def __init__(self, cluster: Cluster, namespace: str, model: str, environment: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.name = object_name(model, environment)
        self.title = f"{model} {environment}"
        self._labels = common_labels(model, environment)
        self.lists: Lists | None = None
        """Where many environments are looked at."""

    def place(self) -> Place | None:
        """What the environment remembers."""
        found = self._get("place") if self.lists is None else next(iter(self._listed("place")), None)
        return self._decoded(found, Place) if found else None

    def save_place(self, place: Place) -> None:
        """Remember."""
        self._put("place", "place", {"document": msgspec.json.encode(place)})

    def revisions(self) -> list[Revision]:
        """All revisions, oldest first."""
        return sorted((self._decoded(one, Revision) for one in self._listed("revision")), key=lambda one: one.number)

    def _listed(self, record: str) -> list[Object]:
        if self.lists is None:
            selector = f"{INSTANCE}={self.name},{RECORD}={record}"
            return self.cluster.list("Secret", self.namespace, labels=selector)
        found = self.lists.of("Secret", self.namespace, self.name)
        return [one for one in found if one["metadata"]["labels"][RECORD] == record]

    def create(self, revision: Revision, applied: Applied) -> None:
        """Record a revision with what it is made of: that first, so that no record lacks it."""
        faults.point("revision.before-create")
        self._put_applied(revision.number, applied)
        faults.point("kubernetes.after-set")
        try:
            self.cluster.create(self._secret(f"r{revision.number}", "revision", _revision_data(revision)))
            faults.point("revision.after-create")
        except ExistsError:
            there = self._get(f"r{revision.number}")
            if there is None or self._decoded(there, Revision).id != revision.id:  # else an answer was lost
                raise BusyError(
                    f"{self.title}: revision {revision.number} was made by somebody else just now", kind="busy"
                ) from None

    def change(self, old: Revision, new: Revision) -> None:
        """Replace a revision's record if it still is `old` (D2)."""
        there = self._get(f"r{old.number}")
        now = self._decoded(there, Revision) if there else None
        if now == new:
            return
        if there is None or now != old:
            raise BusyError(f"{self.title}: revision {old.number} was changed by somebody else", kind="busy")
        fresh = self._secret(f"r{new.number}", "revision", _revision_data(new))
        fresh["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
        faults.point("revision.before-status")
        try:
            self.cluster.replace(fresh)
            faults.point("revision.after-status")
        except ChangedError:
            self.change(old, new)  # a lost answer, or somebody else

    def applied(self, number: int) -> Applied | None:
        """What a revision is made of; None where that isn't kept any more."""
        data, part = b"", 0
        while True:
            found = self._get(f"r{number}.applied{part or ''}")
            if found is None:
                return None
            data += base64.b64decode(found["data"]["objects"])
            part += 1
            if part >= int(found["metadata"]["annotations"][f"{DOMAIN}/parts"]):
                break
        return msgspec.json.decode(gzip.decompress(data), type=Applied)

    def _put_applied(self, number: int, applied: Applied) -> None:
        data = gzip.compress(msgspec.json.encode(applied), mtime=0)
        parts = [data[start : start + PART] for start in range(0, len(data), PART)]
        for part, piece in enumerate(parts):
            extra = {f"{DOMAIN}/parts": str(len(parts)), f"{DOMAIN}/revision": str(number)}
            self._put(f"r{number}.applied{part or ''}", "applied", {"objects": piece}, extra)

    def prune(self, keep: set[int], needed: set[int]) -> None:
        """Remove what was applied by old revisions but `keep`, and the oldest records but `needed`."""
        selector = f"{INSTANCE}={self.name},{RECORD} in (revision,applied)"
        found = self.cluster.list("Secret", self.namespace, labels=selector, whole=False)
        numbers = sorted({_number(one) for one in found}, reverse=True)
        sets, records = {*numbers[:KEPT_SETS], *keep}, {*numbers[:KEPT_RECORDS], *keep, *needed}
        for one in found:
            kept = sets if one["metadata"]["labels"][RECORD] == "applied" else records
            if _number(one) not in kept:
                faults.point("kubernetes.mid-prune")
                self.cluster.delete("Secret", one["metadata"]["name"], self.namespace)

    def _get(self, name: str) -> Object | None:
        found = self.cluster.get("Secret", f"{self.name}.{name}", self.namespace)
        if found is not None and found["metadata"].get("labels", {}).get(INSTANCE) != self.name:
            raise RefusedError(f"Secret {self.name}.{name} in {self.namespace} isn't ours", kind="not-ours")
        return found

    def _put(self, name: str, record: str, data: Mapping[str, bytes], extra: Mapping[str, str] | None = None) -> None:
        """Under the lock: a Secret that is there or has changed meanwhile is our own, whose answer was lost."""
        while True:
            fresh, there = self._secret(name, record, data, extra), self._get(name)
            if there is not None and there.get("data") == fresh["data"]:
                return
            with contextlib.suppress(ExistsError, ChangedError):
                if there is None:
                    self.cluster.create(fresh)
                else:
                    fresh["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
                    self.cluster.replace(fresh)
                return

    def _secret(
        self, name: str, record: str, data: Mapping[str, bytes], extra: Mapping[str, str] | None = None
    ) -> Object:
        metadata: Object = {"name": f"{self.name}.{name}", "namespace": self.namespace}
        metadata["labels"] = self._labels | {RECORD: record}
        metadata["annotations"] = dict(extra or {})
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        kind = {"apiVersion": "v1", "kind": "Secret", "type": f"{DOMAIN}/{record}"}
        return {**kind, "metadata": metadata, "data": encoded}

    def _decoded(self, secret: Object, what: type[T]) -> T:
        name = secret["metadata"]["name"]
        try:
            return msgspec.json.decode(base64.b64decode(secret["data"]["document"]), type=what)
        except (KeyError, ValueError) as error:
            raise ModelDevopsError(
                f"Secret {name} in {self.namespace} can't be read: {error}",
                kind="damaged",
                hint="it was changed by other means; restore it from the cluster's backup",
            ) from error


def _revision_data(revision: Revision) -> dict[str, bytes]:
    return {"document": msgspec.json.encode(revision)}


def _number(secret: Object) -> int:
    """The revision's number, in the Secret's name."""
    return int(secret["metadata"]["name"].rpartition(".r")[2].partition(".")[0])
