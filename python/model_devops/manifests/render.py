"""From a revision to the objects that make it run: stable, sorted, the same bytes on every machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from model_devops.errors import Problem, UsageError
from model_devops.manifests.manifest import Manifest
from model_devops.manifests.order import ordered
from model_devops.manifests.templates import BUILT_IN, ENDING, Faulty, fill

ENDINGS = (".yaml.j2", ".yml.j2", ".yaml", ".yml")
"""Of files that are templates, and of those that are taken as they are."""


@lru_cache(maxsize=1)
def built_in() -> dict[str, str]:
    """The texts of the package's own templates, by file name."""
    return {path.name: path.read_text("utf-8") for path in sorted(BUILT_IN.glob(f"*.yaml{ENDING}"))}


def render(values: Mapping[str, Any], templates: Mapping[str, str]) -> list[Manifest]:
    """The objects of a revision. `templates`: the team's, which replace ours of the same name or come beside them.

    A template that writes nothing makes nothing. Raises UsageError with every template that can't be filled.
    """
    found: list[Manifest] = []
    problems: list[Problem] = []
    for name, text in sorted({**built_in(), **templates}.items()):
        try:
            for content, lines in fill(name, text, values):
                found.append(_manifest(name, content, lines, values))
        except Faulty as error:
            problems.append(error.problem)
    if problems:
        raise refused(problems)
    return ordered(found)


def refused(problems: list[Problem]) -> UsageError:
    """The error for what is wrong with templates or with what they write."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return UsageError(f"the manifests have {count}", kind="manifests", problems=problems)


def _manifest(name: str, content: Any, lines: Mapping[Any, int], values: Mapping[str, Any]) -> Manifest:
    """An object with the namespace and the labels by which it is found again."""
    if not isinstance(content, dict) or not isinstance(content.get("metadata"), dict):
        hint = "it begins with apiVersion, kind and metadata"
        raise Faulty(Problem("is no Kubernetes object", file=name, line=lines.get(()), hint=hint))
    metadata = content["metadata"]
    labels = metadata.get("labels")
    metadata["labels"] = (labels if isinstance(labels, dict) else {}) | values["labels"]
    metadata["namespace"] = values["namespace"]
    return Manifest(content, name, lines.get)


def document(manifest: Manifest) -> str:
    """An object as YAML with sorted keys."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Writes values out where they stand twice."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
            return True

    plain = json.loads(json.dumps(manifest.content))
    return str(yaml.dump(plain, Dumper=Dumper, sort_keys=True, allow_unicode=True, width=100))


def documents(manifests: list[Manifest]) -> str:
    """All objects as one stream, as `kubectl apply -f -` takes it."""
    return "---\n".join(document(one) for one in manifests)
