"""Names of objects, where they lie, and that none is there twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from model_devops.errors import Problem
from model_devops.manifests import syntax
from model_devops.manifests.manifest import Key
from model_devops.manifests.parts import Part
from model_devops.manifests.schemas import Kinds

_PATH = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "APIService", "FlowSchema"}
#: From this version on a Service may be named as everything else.
_RELAXED = (1, 36)
_MOST_ANNOTATIONS = 256 * 1024
#: A CronJob adds 11 characters to name its jobs; a Job's pods and a StatefulSet's carry its name in a label.
_LONGEST = {"CronJob": 52, "Job": 63}


def name(top: Part, kinds: Kinds) -> Iterator[Problem]:
    """Each object has a name, of the form that its kind asks for."""
    metadata = top.at("metadata")
    if not metadata.get("name"):
        hint = "what is applied needs a name: generateName makes a new object each time"
        missing = "metadata" in top.manifest.content or "generateName" in (metadata.value or {})
        yield metadata.problem("is missing", "name", hint=hint if missing and metadata.get("generateName") else None)
        return
    given: str = metadata.get("name")
    wrong = _form(top.manifest.kind, kinds)(given)
    longest = _LONGEST.get(top.manifest.kind, 253)
    if wrong:
        yield metadata.problem(wrong.message, "name", hint=wrong.hint)
    elif len(given) > longest:
        yield metadata.problem(f"has {len(given)} characters", "name", hint=f"a {top.manifest.kind} may have {longest}")


def _form(kind: str, kinds: Kinds) -> syntax.Limit:
    if kind == "Service":
        version = tuple(int(part) for part in re.findall(r"\d+", kinds.version))
        return syntax.label if version >= _RELAXED else syntax.service_name
    if kind in _PATH:
        return syntax.path_part
    return syntax.label if kind == "Namespace" else syntax.subdomain


def place(top: Part, kinds: Kinds, namespaced_only: bool) -> Iterator[Problem]:
    """An object lies in a namespace exactly if its kind does."""
    metadata, namespaced = top.at("metadata"), kinds.namespaced(top.manifest)
    given = metadata.get("namespace")
    if given and namespaced is False:
        yield metadata.problem(f"a {top.manifest.kind} lies in no namespace", "namespace", hint="leave it out")
    elif given and (wrong := syntax.label(given)):
        yield metadata.problem(wrong.message, "namespace", hint=wrong.hint)
    if namespaced_only and namespaced is False:
        hint = "a release lies in one namespace; who runs the cluster makes what is for all of it"
        yield top.problem(f"{top.manifest.kind} is for the whole cluster, and is not allowed here", "kind", hint=hint)


def size(top: Part) -> Iterator[Problem]:
    """All annotations together have a largest size."""
    given = top.get("metadata", "annotations") or {}
    held = sum(len(text.encode("utf-8", "replace")) for pair in given.items() for text in pair if text)
    if held > _MOST_ANNOTATIONS:
        hint = f"at most {_MOST_ANNOTATIONS} are allowed"
        yield top.problem(f"hold {held} bytes", "metadata", "annotations", hint=hint)


def twice(tops: Iterable[Part]) -> Iterator[Problem]:
    """No object is there twice."""
    first: dict[Key, Part] = {}
    for top in tops:
        key = top.manifest.key
        known = first.setdefault(key, top) if key.kind and key.name else top
        if known is not top:
            where = known.problem("").where
            yield top.problem(f"is already there, in {where}", "metadata", "name", hint="each object can be there once")
