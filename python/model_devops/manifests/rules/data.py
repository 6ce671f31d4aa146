"""ConfigMaps, Secrets and roles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from model_devops.errors import Problem
from model_devops.manifests.parts import Part
from model_devops.manifests.quantities import decoded

#: What the data of one object may hold.
MOST_BYTES = 1024 * 1024
_RBAC = "rbac.authorization.k8s.io"
#: The keys that a type of Secret must have.
_TYPES = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
#: Who can be given rights. A ServiceAccount without a namespace is one of the binding's.
_SUBJECTS = ("Group", "ServiceAccount", "User")
_JSON = (".dockerconfigjson", ".dockercfg")


def problems(top: Part) -> Iterator[Problem]:
    """All that is wrong with one object of these kinds."""
    rule = _RULES.get((top.manifest.group, top.manifest.kind))
    if rule:
        yield from rule(top)


def _config_map(top: Part) -> Iterator[Problem]:
    texts, binary = top.get("data") or {}, top.get("binaryData") or {}
    for key in texts:
        if key in binary:
            yield top.problem("stands under binaryData as well", "data", key)
    size = sum(_size(text) for text in texts.values()) + sum(len(decoded(text) or b"") for text in binary.values())
    yield from _too_large(top, size)


def _secret(top: Part) -> Iterator[Problem]:
    texts, binary = top.get("stringData") or {}, top.get("data") or {}
    content = {key: decoded(text) or b"" for key, text in binary.items()}
    content |= {key: (text or "").encode("utf-8", "replace") for key, text in texts.items()}
    yield from _too_large(top, sum(map(len, content.values())))
    for key in _TYPES.get(top.get("type") or "", ()):
        if key not in content:
            yield top.problem(f"{key} is missing", "data", hint=f"type is {top.get('type')}")
        elif key in _JSON and not _is_json_object(content[key]):
            yield top.problem("is no JSON object", "data" if key in binary else "stringData", key)


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def _size(text: str | None) -> int:
    return len((text or "").encode("utf-8", "replace"))


def _too_large(top: Part, size: int) -> Iterator[Problem]:
    if size > MOST_BYTES:
        hint = f"at most {MOST_BYTES} are allowed: files of this size belong into the image or a volume"
        yield top.problem(f"holds {size} bytes", hint=hint)


def _role(top: Part) -> Iterator[Problem]:
    for rule in top.each("rules"):
        if rule.get("verbs") == []:
            yield rule.problem("is empty", "verbs")
        if rule.get("nonResourceURLs") and (rule.get("resources") or top.manifest.kind == "Role"):
            yield rule.problem("belongs into a rule of a ClusterRole, without resources", "nonResourceURLs")
        elif not rule.get("nonResourceURLs"):
            for name in ("apiGroups", "resources"):
                if not rule.get(name):
                    yield rule.problem("is missing", name, hint='the core group is ""' if name == "apiGroups" else None)


def _binding(top: Part) -> Iterator[Problem]:
    kinds = ("ClusterRole",) if top.manifest.kind == "ClusterRoleBinding" else ("Role", "ClusterRole")
    if top.get("roleRef", "kind") not in (None, *kinds):
        yield top.problem(f"can't be a {top.get('roleRef', 'kind')}", "roleRef", "kind", allowed=kinds)
    if top.get("roleRef", "apiGroup") not in (None, "", _RBAC):
        yield top.problem("is not allowed", "roleRef", "apiGroup", allowed=[_RBAC])
    for subject in top.each("subjects"):
        if subject.get("kind") not in (None, *_SUBJECTS):
            yield subject.problem(f"can't be a {subject.get('kind')}", "kind", allowed=_SUBJECTS)
        elif subject.get("kind") == "ServiceAccount" and not (len(kinds) > 1 or subject.get("namespace")):
            yield subject.problem("is missing", "namespace", hint="the namespace of the ServiceAccount")


_RULES: dict[tuple[str, str], Callable[[Part], Iterator[Problem]]] = {
    ("", "ConfigMap"): _config_map,
    ("", "Secret"): _secret,
    (_RBAC, "Role"): _role,
    (_RBAC, "ClusterRole"): _role,
    (_RBAC, "RoleBinding"): _binding,
    (_RBAC, "ClusterRoleBinding"): _binding,
}
