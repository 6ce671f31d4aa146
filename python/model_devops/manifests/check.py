"""Finds what a cluster would refuse, and what could never work, before anything is sent to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from model_devops.errors import Problem
from model_devops.manifests.manifest import Manifest
from model_devops.manifests.parts import Part, pod_of, sound
from model_devops.manifests.rules import data, naming, network, pod_security, pods, references, resources, workloads
from model_devops.manifests.schemas import Kinds, kinds
from model_devops.manifests.shapes import Finding


class Checked(NamedTuple):
    """What was found in a set of objects that go to one cluster together.

    `problems` are refused. `warnings` are taken by a cluster, and mostly mean that something will do nothing.
    """

    problems: list[Problem]
    warnings: list[Problem]


class _Asked(NamedTuple):
    """What the caller wants besides what every cluster does."""

    digests_only: bool
    restricted: bool
    namespaced_only: bool


def check(
    manifests: Sequence[Manifest],
    *,
    version: str,
    digests_only: bool = False,
    restricted: bool = False,
    namespaced_only: bool = False,
) -> Checked:
    """All that is wrong with objects for a Kubernetes of this version (`1.34` or `v1.34.3`).

    `digests_only` refuses images without a digest, `restricted` what Pod Security `restricted` refuses, and
    `namespaced_only` kinds that are for the whole cluster. UsageError for a version that isn't known.
    """
    known, asked = kinds(version), _Asked(digests_only, restricted, namespaced_only)
    problems: list[Problem] = []
    tops: list[Part] = []
    for manifest in manifests:
        findings = _findings(manifest, known)
        problems += [manifest.problem(one.message, *one.keys, allowed=one.allowed, hint=one.hint) for one in findings]
        if all(finding.keys for finding in findings):
            tops.append(_readable(manifest, findings, known))
    for top in tops:
        problems += _alone(top, known, asked)
    together = references.Known(tops)
    problems += chain(naming.twice(tops), references.problems(together))
    warnings = chain(map(known.note, manifests), references.warnings(together))
    return Checked(problems, [warning for warning in warnings if warning])


def _findings(manifest: Manifest, known: Kinds) -> list[Finding]:
    """What the definitions say."""
    try:
        return known.findings(manifest)
    except RecursionError:
        return [Finding((), "is nested too deeply")]


def _readable(manifest: Manifest, findings: list[Finding], known: Kinds) -> Part:
    """The object for the rules; of a kind without definition only what all objects have."""
    top = sound(manifest, findings)
    if not known.knows(manifest):
        top.value = {"metadata": top.value.get("metadata")}
    return top


def _alone(top: Part, known: Kinds, asked: _Asked) -> Iterator[Problem]:
    """What is wrong with an object whatever the others are."""
    yield from naming.name(top, known)
    yield from naming.place(top, known, asked.namespaced_only)
    yield from naming.size(top)
    for rules in (workloads, network, data):
        yield from rules.problems(top)
    pod = pod_of(top)
    if pod is None or top.value.get("spec") is None:
        return
    yield from pods.problems(pod, asked.digests_only)
    for container in pod.containers():
        yield from resources.problems(container)
    if asked.restricted:
        yield from pod_security.problems(pod)
