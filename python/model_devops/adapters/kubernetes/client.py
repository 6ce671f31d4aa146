"""What a cluster can be asked: objects as plain dicts, in a namespace or in none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_devops.adapters.kubernetes import kubeconfig, problems
from model_devops.adapters.kubernetes.access import Access
from model_devops.adapters.kubernetes.kinds import Kind, Kinds
from model_devops.adapters.kubernetes.pages import listed
from model_devops.adapters.kubernetes.session import Answer, Query, Session
from model_devops.errors import UsageError

Object = dict[str, Any]
Objects = list[Object]
MANAGER = "model-devops"
"""As whom we own the fields that we apply."""
EVERYWHERE = ""
"""All namespaces, for `list`."""
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
OURS = (("fieldManager", MANAGER),)
STRICT = (("fieldValidation", "Strict"),)


def connect(context: str | None = None) -> Cluster:
    """The cluster of a kubeconfig's context, by default the current one, or that of the pod that we run in.

    Nothing is asked yet. Raises UsageError (kind `kubeconfig`).
    """
    source = kubeconfig.find(context)
    return Cluster(Session(Access(source)), source.namespace)


@dataclass
class Cluster:
    """One cluster, as one user. From any thread.

    Each call may raise UnreachableError (kinds `cluster`, `certificate`), RefusedError (`unauthenticated`,
    `forbidden`, `namespace`, …) and what `refusals` holds. Where no namespace is named, it is `default_namespace`.
    """

    session: Session
    default_namespace: str
    """The one of the context."""
    kinds: Kinds = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = Kinds(self._discovered)

    @property
    def requests(self) -> int:
        """How many requests were sent so far, the repeated ones included."""
        return self.session.count

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """An object, or None. `kind`: a usual one by its name, any as `GROUP/VERSION/KIND`."""
        path = self._kind(kind).path(self._in(namespace), name)
        answer = self.session.request("GET", path, fine=(404,))
        return answer.json() if self._was_there(answer) else None

    def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = "", whole: bool = True
    ) -> Objects:
        """All objects of a kind, in a namespace or `EVERYWHERE`, that the selectors `labels` and `fields` leave.

        Without `whole` only their metadata.
        """
        found = self._kind(kind)
        query = [(name, value) for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value]
        items = listed(self.session, found.path(self._in(namespace)), query, {} if whole else {"Accept": METADATA})
        return [{**item, "apiVersion": found.api, "kind": found.name} for item in items]

    def create(self, obj: Mapping[str, Any]) -> Object:
        """Make an object, which must not be there (ExistsError); as the cluster has it then.

        A `generateName` isn't taken: after a lost answer there would be two.
        """
        kind, namespace, _ = self._place(obj)
        return self._send("POST", kind.path(namespace), obj, OURS).json()

    def replace(self, obj: Mapping[str, Any]) -> Object:
        """Put an object in the place of the one that was read with its `resourceVersion` (else ChangedError)."""
        kind, namespace, name = self._place(obj)
        return self._send("PUT", kind.path(namespace, name), obj, OURS).json()

    def apply(
        self, obj: Mapping[str, Any], *, dry_run: bool = False, force: bool = False, manager: str = MANAGER
    ) -> Object:
        """Make an object have these fields and own them as `manager`; as the cluster has it then.

        Raises FieldConflict where others own some, unless with `force`, and InvalidError.
        """
        kind, namespace, name = self._place(obj)
        query = [("fieldManager", manager), *(("dryRun", "All"),) * dry_run, *(("force", "true"),) * force]
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return self._send("PATCH", kind.path(namespace, name), obj, query, headers).json()

    def merge(self, kind: str, name: str, namespace: str | None, fields: Mapping[str, Any]) -> Object:
        """Change some fields (a JSON merge patch); as the cluster has the object then.

        With a `resourceVersion` among them only that version is changed (else ChangedError).
        """
        found = self._kind(kind)
        body, headers = json.dumps(fields).encode(), {"Content-Type": "application/merge-patch+json"}
        path = found.path(self._in(namespace), name)
        query = [*STRICT, *OURS]
        return self.session.request(
            "PATCH", path, query=query, body=body, headers=headers, about=f"{kind} {name}"
        ).json()

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        propagation: str = "Background",
    ) -> bool:
        """Have an object removed, if it is the one with this `uid` (else ChangedError); whether it was there.

        `propagation`: what happens to what it owns: `Background`, `Foreground` or `Orphan`.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        path = self._kind(kind).path(self._in(namespace), name)
        body, headers = json.dumps(options).encode(), {"Content-Type": "application/json"}
        return self._was_there(self.session.request("DELETE", path, body=body, headers=headers, fine=(404,)))

    def server_version(self) -> tuple[int, int]:
        """The cluster's version, such as (1, 34)."""
        found = self.session.request("GET", "/version").json()
        numbers = [re.sub(r"\D.*", "", str(found.get(part))) for part in ("major", "minor")]
        major, minor = (int(number or 0) for number in numbers)
        return major, minor

    def _was_there(self, answer: Answer) -> bool:
        """Whether an object was found. A 404 that is no word of the cluster about it is no answer to that."""
        if answer.status == 404 and not problems.absent(answer):
            raise problems.refused(self.session.access, answer)
        return answer.status != 404

    def _in(self, namespace: str | None) -> str:
        return self.default_namespace if namespace is None else namespace

    def _kind(self, kind: str) -> Kind:
        return self.kinds.named(kind)

    def _place(self, obj: Mapping[str, Any]) -> tuple[Kind, str, str]:
        """Kind, namespace and name of an object; reviews have no name."""
        kind = self.kinds.of(str(obj.get("apiVersion")), str(obj.get("kind")))
        metadata = obj.get("metadata") or {}
        name = str(metadata.get("name") or "")
        if not name and not kind.name.endswith("Review"):
            raise UsageError(f"an object of kind {kind} has no name", kind="object")
        return kind, self._in(metadata.get("namespace")), name

    def _send(
        self,
        method: str,
        path: str,
        obj: Mapping[str, Any],
        query: Query = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        body = json.dumps(obj, ensure_ascii=False).encode()
        headers = headers or {"Content-Type": "application/json"}
        about = f"{obj['kind']} {(obj.get('metadata') or {}).get('name')}"
        return self.session.request(method, path, query=[*STRICT, *query], body=body, headers=headers, about=about)

    def _discovered(self, path: str) -> Object | None:
        answer = self.session.request("GET", path, fine=(404,))
        return None if answer.status == 404 else answer.json()
