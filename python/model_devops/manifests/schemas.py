"""What the supported versions of Kubernetes serve, and what is wrong with an object by its definition."""

from __future__ import annotations

import gzip
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from model_devops.config.places import near
from model_devops.errors import Problem, UsageError
from model_devops.manifests.manifest import Manifest
from model_devops.manifests.shapes import Finding, Shapes

#: Groups that servers had once, and have in no version that is known here.
_GONE = {"extensions"}
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_STAGE = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


class Served(NamedTuple):
    """How a version serves a kind: its definition, and whether its objects lie in a namespace."""

    of: str
    namespaced: bool


class Kinds:
    """All that one version of Kubernetes serves without being extended."""

    def __init__(self, version: str, document: dict[str, Any]) -> None:
        self.version = version
        served = _of(version, document["versions"], document["kinds"])
        self.served = {name: Served(**kind) for name, kind in served.items()}
        self.groups = {_group(name) for name in document["kinds"]} | _GONE
        self.definitions = _of(version, document["versions"], document["definitions"])
        self._shapes = Shapes(self.definitions)

    def namespaced(self, manifest: Manifest) -> bool | None:
        """Whether such objects lie in a namespace; None if that isn't known."""
        kind = self.served.get(f"{manifest.api_version} {manifest.kind}")
        return kind.namespaced if kind else None

    def knows(self, manifest: Manifest) -> bool:
        """Whether there is a definition of this kind."""
        return f"{manifest.api_version} {manifest.kind}" in self.served

    def refuses(self, manifest: Manifest) -> bool:
        """Whether no server of this version can serve the kind, whatever it is extended with."""
        return not self.knows(manifest) and (manifest.group in self.groups or "." not in manifest.group)

    def note(self, manifest: Manifest) -> Problem | None:
        """That a kind is taken for an extension's, if it is."""
        if self.knows(manifest) or self.refuses(manifest) or not manifest.kind:
            return None
        message = f"Kubernetes {self.version} has no definition of {manifest.api_version} {manifest.kind}"
        hint = "it is taken for an extension's, of which only the metadata is checked"
        return manifest.problem(message, "kind", hint=hint)

    def findings(self, manifest: Manifest) -> list[Finding]:
        """What is wrong with an object by the definition of its kind; with its metadata, if there is none."""
        named = {"apiVersion": manifest.api_version, "kind": manifest.kind}
        found = [Finding((key,), "is missing, or is not text") for key, text in named.items() if not text]
        if self.knows(manifest):
            self._shapes.of(self.served[f"{manifest.api_version} {manifest.kind}"].of)(manifest.content, (), found)
            return found
        if not found and self.refuses(manifest):
            found.append(self._advised(manifest.api_version, manifest.kind))
        if manifest.content.get("metadata") is not None:
            self._shapes.of(_METADATA)(manifest.content["metadata"], ((), "metadata"), found)
        return found

    def _advised(self, api_version: str, kind: str) -> Finding:
        right = sorted({name.split()[0] for name in self.served if name.split()[1] == kind}, key=_preference)
        if right:
            message = f"Kubernetes {self.version} doesn't serve {kind} as {api_version}"
            hint = f"write {right[0]}, and look for fields that changed"
            return Finding(("apiVersion",), message, tuple(right), hint)
        kinds = sorted({name.split()[1] for name in self.served if name.split()[0] == api_version})
        meant = near(kind, kinds)
        message = f"Kubernetes {self.version} serves no {kind} as {api_version}"
        return Finding(("kind",), message, () if meant else tuple(kinds), meant)


@lru_cache(maxsize=8)
def kinds(version: str) -> Kinds:
    """What a version (`1.34`, `v1.34.3`) serves. UsageError for a version that isn't known here."""
    document = _document()
    found = re.match(r"v?(\d+\.\d+)(?!\d)", version)
    if found is None or found[1] not in document["versions"]:
        known = document["versions"]
        hint = f"known are Kubernetes {known[0]} to {known[-1]}"
        raise UsageError(f"there are no definitions of Kubernetes {version}", kind="unknown-version", hint=hint)
    return Kinds(found[1], document)


def versions() -> tuple[str, ...]:
    """The versions of Kubernetes whose definitions are known here, oldest first."""
    return tuple(_document()["versions"])


def nearest(version: str) -> str:
    """The known version to check by: this one, else the newest for a newer cluster and the oldest for an older."""
    known, found = versions(), re.match(r"v?(\d+)\.(\d+)", version)
    name = found[0].removeprefix("v") if found else known[-1]
    if name in known:
        return name
    return known[0] if _numbers(name) < _numbers(known[0]) else known[-1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(Path(__file__).with_name("schemas.json.gz").read_bytes()))
    return found


def _of(version: str, versions: list[str], histories: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The values as they are in a version: each is told from the version on with which it became so."""
    until = versions[: versions.index(version) + 1]
    found = {name: [history[one] for one in until if one in history] for name, history in histories.items()}
    return {name: values[-1] for name, values in found.items() if values and values[-1] is not None}


def _group(name: str) -> str:
    group, slash, _ = name.split(maxsplit=1)[0].rpartition("/")
    return group if slash else ""


def _preference(api_version: str) -> tuple[int, int, int]:
    """Stable before beta before alpha, and the newest first."""
    found = _STAGE.fullmatch(api_version.rpartition("/")[2])
    number, stage, step = found.groups() if found else ("0", "alpha", "0")
    return (["", "beta", "alpha"].index(stage or ""), -int(number), -int(step or 0))
