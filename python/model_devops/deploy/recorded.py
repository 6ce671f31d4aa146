"""Recorded requests, as JSON lines: what they are, and what their answers must be."""

from __future__ import annotations

import codecs
import contextlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any

import msgspec

from model_devops.config.types import Smoke
from model_devops.deploy import smoke
from model_devops.errors import Problem, RefusedError, UsageError
from model_devops.release.store import Store, Stored

MOST_PROBLEMS = 20
"""After so many the rest of a file is of no help."""


class Recorded(Smoke, frozen=True):
    """One request: as `serve.smoke`, and how far numbers of the answer may be off."""

    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 0.0


def read(data: bytes, name: str) -> list[Recorded]:
    """The requests of a file. Raises UsageError with all lines that are none."""
    found: list[Recorded] = []
    problems: list[Problem] = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=Recorded))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems += [problem._replace(line=number) for problem in _problems(line, name, str(error))]
        if len(problems) >= MOST_PROBLEMS:
            break
    if not found and not problems:
        problems = [Problem("holds no request", file=name)]
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise UsageError(
            f"{name}, which holds recorded requests, has {count}",
            kind="requests",
            problems=problems,
            hint='one a line, as in serve.smoke, for example {"path": "/predict", "json": [1], "method": "POST"}',
        )
    return found


def _problems(line: bytes, name: str, otherwise: str) -> list[Problem]:
    """What is wrong with a line, in the words that model.yaml's mistakes have; `otherwise` where it is no JSON."""
    from model_devops.config.compose import Malformed, compose
    from model_devops.config.places import Places
    from model_devops.config.shape import TooMany, Walker

    walker = Walker(Places(name))
    walker.schema = msgspec.json.schema(Recorded)
    with contextlib.suppress(Malformed, TooMany, ValueError):
        json.loads(line)
        walker.document(compose(line))
    return walker.problems or [Problem(otherwise, file=name)]


def of_release(store: Store, release: Stored, path: str) -> list[Recorded]:
    """The requests of a file of the release, by its path relative to model.yaml.

    Raises RefusedError where the release has none there, and what `read` raises.
    """
    for name in release.record.identity.artifacts:
        root = PurePosixPath(release.record.layout.get(name, ""))
        for file in store.files(release, name):
            if root / file == PurePosixPath(path):
                return read(store.read_file(release, name, file), path)
    raise RefusedError(
        f"{release.version} has no file {path}, which `verify.requests` names",
        kind="requests",
        hint="name a file that artifacts.code or artifacts.dataset holds, relative to model.yaml, and build again",
    )


def turns(requests: Sequence[Recorded], most: int) -> Iterator[list[Recorded]]:
    """So many at a time, in their order, round and round."""
    endless = itertools.cycle(requests)
    while True:
        yield list(itertools.islice(endless, min(most, len(requests))))


def wrong(request: Smoke, status: int, text: str) -> list[str]:
    """What is wrong with an answer, numbers within the tolerance aside, where there is one."""
    if isinstance(request, Recorded) and request.tolerance and status == request.status:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return smoke.wrong(request, status, text)
        return smoke.wrong(request, status, json.dumps(_near(request.expect, found, request.tolerance)))
    return smoke.wrong(request, status, text)


def _near(expected: Any, found: Any, tolerance: float) -> Any:
    """The answer, with those numbers that are near enough as they are expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {name: _near(expected.get(name), value, tolerance) for name, value in found.items()}
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [_near(one, other, tolerance) for one, other in zip(expected, found, strict=True)]
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (expected, found))
    return expected if numbers and math.isclose(expected, found, rel_tol=0, abs_tol=tolerance) else found
