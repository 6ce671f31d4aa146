"""A test's commands in a cluster instead of on this agent (`test.kubernetes`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TextIO

from model_devops.config.durations import seconds
from model_devops.config.types import KubernetesTest, Test
from model_devops.content.hashing import hash_files
from model_devops.errors import UsageError
from model_devops.images import tar
from model_devops.project import Project
from model_devops.release.blobs import Meter
from model_devops.release.store import Stored
from model_devops.runtime.jobs import running
from model_devops.runtime.jobs.job import name_of
from model_devops.testing import metrics, place
from model_devops.testing.junit import Case

Files = dict[str, tuple[Path, tuple[str, int]]]
"""What is sent by path: where it lies here, and what it is known to be."""


def image_of(project: Project, release: Stored, block: KubernetesTest) -> str:
    """What the pods run, by digest. Raises UsageError where there is nothing."""
    if block.image:
        return block.image
    if release.record.image is None:
        raise UsageError(
            "test.kubernetes has no image to run: the release has none",
            kind="no-image",
            hint="write `image: HOST/PATH@sha256:…` there, or `package:` into model.yaml and build again",
        )
    return project.store.images.located(release.record.image).reference


def numbered(name: str, shard: int, shards: int) -> str:
    """`metrics.json` of shard 2 as `metrics.2.json`, where there are several."""
    path = Path(name)
    return path.with_name(f"{path.stem}.{shard}{path.suffix}").as_posix() if shards > 1 else name


def cases(
    project: Project,
    release: Stored,
    test: Test,
    block: KubernetesTest,
    image: str,
    code: Mapping[str, Path],
    log: TextIO,
) -> list[Case]:
    """Run the commands there; each as a test case of each shard. Raises FailedError, and what a cluster raises.

    `code`: the evaluation's files by path, of which some may be no part of the release (`test.code`).
    """
    further = {path: (code[path], entry) for path, entry in hash_files(code).items()}
    wanted = _wanted(project, release, test, block, image, further)
    results = [test.metrics, *([test.junit] if test.junit else [])]
    for shard in range(block.shards):
        for name in results:
            metrics.clear(project.folder / numbered(name, shard, block.shards))

    def say(line: str) -> None:
        for stream in (sys.stderr, log):
            print(line, file=stream, flush=True)

    ended = running.run(wanted, lambda: _files(project, release, further), project.folder, say)
    found = [case for shard, one in enumerate(ended) for case in _of_shard(test, one, shard, len(ended))]
    if block.combine and not any(case.failure for case in found):
        found.append(_combined(project, release, test, block.combine, log))
    return found


def _wanted(
    project: Project, release: Stored, test: Test, block: KubernetesTest, image: str, further: Files
) -> running.Wanted:
    from model_devops.runtime.surroundings import identity_of

    sent = [f"{path} {entry[0]}" for path, (_, entry) in sorted(further.items())]
    asked = [release.digest, test.timeout, *sent]
    return running.Wanted(
        name=name_of(project.model.name, "test", test.run, block, image, asked),
        model=project.model.name,
        block=block,
        image=image,
        variables=identity_of(release),
        commands=list(test.run),
        seconds=seconds(test.timeout),
        results=[test.metrics, *([test.junit] if test.junit else [])],
        choose=lambda found: [one for one in found if one.kind == "file"],
        though_failed=True,
        rename=numbered,
    )


def _files(project: Project, release: Stored, further: Files) -> Iterable[bytes]:
    """The release's files that commands find in a workspace, and the evaluation's, as one tar; hashed on their way."""
    found: dict[str, tuple[tar.Source, tuple[str, int]]] = dict(further)
    for name in place.present(release):
        root = PurePosixPath(release.record.layout.get(name, ""))
        for path, entry in project.store.files(release, name).items():
            found[(root / path).as_posix()] = (project.folder / root / path, entry)
    return tar.content(found, Meter())


def _of_shard(test: Test, ended: running.Ended, shard: int, shards: int) -> list[Case]:
    where = f" (shard {shard})" if shards > 1 else ""
    found = []
    for command, one in zip(test.run, ended, strict=False):
        failure = _failure(command, one, test.kubernetes)
        found.append(Case(command + where, failure and failure + where, None, one["tail"], one["seconds"]))
    skipped = test.run[len(ended) :]
    return found + [Case(command + where, skipped="a command before it failed") for command in skipped]


def _failure(command: str, one: dict[str, object], block: KubernetesTest | None) -> str | None:
    why = running.explain(one, block)
    return f"`{command}` {why}" if why else None


def _combined(project: Project, release: Stored, test: Test, command: str, log: TextIO) -> Case:
    """One metrics file of all, by the team's own command: nobody else knows what their mean is."""
    from model_devops.runtime.commands import run_command
    from model_devops.runtime.environment import for_release
    from model_devops.runtime.surroundings import identity_of

    done = run_command(
        command,
        project.folder,
        environment=identity_of(release),
        venv=for_release(project.store, release),
        timeout=seconds(test.timeout),
        log=log,
    )
    failure = None if done.ok else f"`{command}` {done.explain()}"
    return Case(command, failure, None, done.output_tail, done.seconds)
