"""The objects of a revision, found to be in order before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_devops import notices
from model_devops.errors import Problem
from model_devops.manifests.check import check
from model_devops.manifests.manifest import Manifest
from model_devops.manifests.render import refused, render
from model_devops.manifests.schemas import nearest


def objects(values: Mapping[str, Any], templates: Mapping[str, str], version: str) -> list[Manifest]:
    """Render and check for a cluster of this version. Raises UsageError with everything that is wrong."""
    found = render(values, templates)
    checked = check(found, version=nearest(version), digests_only=True, namespaced_only=True)
    problems = [*checked.problems, *_secrets(found)]
    for warning in checked.warnings:
        notices.warn(f"{warning.file}:{warning.line or 1}: {warning.message}")
    if problems:
        raise refused(problems)
    return found


def _secrets(manifests: list[Manifest]) -> Iterator[Problem]:
    """What is recorded and brought back must hold nothing secret; nor should a repository."""
    for one in manifests:
        if one.kind == "Secret" and one.api_version == "v1":
            hint = "make it in the cluster, or by an operator such as external-secrets, and name it here"
            yield one.problem("secrets don't belong into templates", "kind", hint=hint)
