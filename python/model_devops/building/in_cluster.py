"""Training as a Job in a cluster instead of on this agent (`train.kubernetes`)."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from model_devops.building.inputs import Given
from model_devops.config.durations import seconds
from model_devops.config.types import KubernetesJob, Train
from model_devops.config.views import artifact_patterns, train_commands
from model_devops.content.walk import Walk, is_glob, parts
from model_devops.errors import FailedError
from model_devops.images import tar
from model_devops.project import Project
from model_devops.release.blobs import Meter
from model_devops.runtime.jobs import running
from model_devops.runtime.jobs.job import name_of
from model_devops.runtime.jobs.pod import Written


def train_there(
    project: Project, given: Given, block: Train, place: KubernetesJob, environment: Mapping[str, str]
) -> tuple[str, str] | None:
    """Run the train commands there, and fetch the model; the command that failed, and how, or None.

    Raises FailedError where the pods can't run, and what a cluster raises.
    """
    commands = train_commands(project.model)
    wanted = _wanted(project, given, block, place, environment)
    ended = running.run(wanted, lambda: _files(given), project.folder, _say)
    for shard, one in enumerate(ended):
        where = f" (shard {shard})" if len(ended) > 1 else ""
        for command, each in zip(commands, one, strict=False):
            how = running.explain(each, place)
            if how:
                return command, how + where
    return None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _wanted(
    project: Project, given: Given, block: Train, place: KubernetesJob, environment: Mapping[str, str]
) -> running.Wanted:
    assert place.image is not None  # config/job_rules.py
    commands, name = train_commands(project.model), project.model.name
    patterns = artifact_patterns(project.model)["model"]
    asked = [block.timeout, *(f"{artifact} {value}" for artifact, value in sorted(given.digests.items()))]
    return running.Wanted(
        name=name_of(name, "train", commands, place, place.image, [*asked, *patterns, project.commit or ""]),
        model=name,
        block=place,
        image=place.image,
        variables=environment,
        commands=commands,
        seconds=seconds(block.timeout),
        results=sorted({_fixed(pattern) for pattern in patterns}),
        choose=lambda found: _model(found, patterns, project.model.ignore),
    )


def _files(given: Given) -> Iterable[bytes]:
    """What was given, where it lies relative to model.yaml; hashed on its way."""
    found: dict[str, tuple[tar.Source, tuple[str, int]]] = {}
    for name, artifact in given.artifacts.items():
        for path, file in artifact.files.items():
            found[(PurePosixPath(artifact.root) / path).as_posix()] = (file, given.entries[name][path])
    return tar.content(found, Meter())


def _fixed(pattern: str) -> str:
    """The file or folder that holds all that a path or glob can name."""
    steps = parts(pattern) or []
    wild = next((index for index, step in enumerate(steps) if is_glob(step)), len(steps))
    return "/".join(steps[:wild]) or "."


def _model(found: list[Written], patterns: list[str], ignore: list[str]) -> list[Written]:
    """Those that artifacts.model names. Raises FailedError for what can't be content.

    Told by empty files of these names: so there is one reading of paths, globs and `ignore` (C2).
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in found:
            _stand_in(folder / one.name, one.kind)
        walk = Walk(folder, ignore)
        for pattern in patterns:
            walk.add(pattern)
        if walk.problems:
            hint = "let `train` write regular files only"
            raise FailedError("training made what can't be content", kind="no-model", problems=walk.problems, hint=hint)
        return [one for one in found if one.name in walk.found]


def _stand_in(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        path.touch()
    elif kind == "link":
        path.symlink_to("elsewhere")
    else:
        os.mkfifo(path)
