"""What a build makes of what it was given: the resolved runtime, the checked model, the identity (B2, B3)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_devops.building.inputs import MADE, Entries, Given, bytes_entry
from model_devops.building.recipe import FILE
from model_devops.building.train import collect_model
from model_devops.config.views import check_block, runtime_block
from model_devops.content.digest import digest
from model_devops.content.hashing import hash_files
from model_devops.errors import FailedError, UnreachableError
from model_devops.project import Project
from model_devops.release.record import Identity

LOCK = "requirements.lock"


@dataclass(frozen=True)
class Runtime:
    """The resolved set of requirements and the environment made from it."""

    lock: bytes | None
    venv: Path | None


@dataclass(frozen=True)
class Product:
    """All that goes into a release, on disk, with its identity."""

    sources: dict[str, dict[str, Path]]
    layout: dict[str, str]
    identity: Identity
    entries: dict[str, Entries]


def runtime(project: Project, given: Given, *, offline_ok: bool, notes: list[str]) -> Runtime:
    """Resolve the requirements and make their environment (B3). Without requirements: what is there."""
    block = runtime_block(project.model)
    if block is None:
        return Runtime(None, None)
    from model_devops.runtime import environment, resolve

    requirements = project.folder / block.file
    if block.use == "as-is":
        lock, different = environment.as_is(requirements)
        notes += [f"runtime as it is here: {difference}" for difference in different]
        return Runtime(lock, None)
    try:
        lock = resolve.resolve(requirements)
    except UnreachableError as error:
        if not offline_ok:
            raise
        lock = _resolved_before(project, given, error, notes)
    return Runtime(lock, environment.make(lock))


def _resolved_before(project: Project, given: Given, error: UnreachableError, notes: list[str]) -> bytes:
    """The newest set in the store that was resolved from the same bytes; for pre-releases only (B3)."""
    for stored in reversed(project.store.releases()):
        if stored.record.inputs.artifacts.get("runtime") == given.digests["runtime"]:
            notes.append(f"no package index answered: the runtime is the one resolved for {stored.version}")
            return project.store.read_file(stored, "runtime", LOCK)
    raise error


def identity_environment(project: Project, given: Given) -> dict[str, str]:
    """What the team's commands are told of the build before there is a release."""
    told = {"MODEL_DEVOPS_NAME": project.model.name, "MODEL_DEVOPS_COMMIT": project.commit or ""}
    named = {f"MODEL_DEVOPS_{name.upper()}_DIGEST": value for name, value in given.digests.items()}
    return told | named


def product(project: Project, given: Given, made: Runtime) -> Product:
    """Check the model, and bind all artifacts to an identity. Raises FailedError with every finding."""
    files = collect_model(project)
    check(project, files)
    from model_devops.checks.signature import find_signature

    sources = {name: dict(artifact.files) for name, artifact in given.artifacts.items()} | {"model": files}
    entries = dict(given.entries) | {"model": hash_files(files)}
    for name, file, data in (("recipe", FILE, given.recipe), ("runtime", LOCK, made.lock)):
        if data is not None:
            sources[name], entries[name] = {file: write_made(name, file, data)}, bytes_entry(file, data)
    _same_inputs(given, entries)
    digests = {name: digest(item, project.model.ignore) for name, item in sorted(entries.items())}
    signature: dict[str, Any] | None = find_signature(project.model, files)
    identity = Identity(artifacts=digests, signature=signature, base_image=given.inputs.base_image)
    layout = {name: given.layout.get(name, MADE) for name in sorted(sources)}
    return Product(sources, layout, identity, entries)


def check(project: Project, files: dict[str, Path]) -> None:
    """The built-in checks of the model (before it can become a release)."""
    from model_devops.checks.model import check_model

    problems = check_model(files, check_block(project.model).allow)
    if problems:
        raise FailedError("the model failed its checks", kind="model-check", problems=problems)


def write_made(artifact: str, name: str, data: bytes) -> Path:
    """Write a file that the build itself makes, for the store to read; removed with the process."""
    import atexit
    import shutil

    folder = Path(tempfile.mkdtemp(prefix=f"model-devops-{artifact}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / name).write_bytes(data)
    return folder / name


def _same_inputs(given: Given, entries: dict[str, Entries]) -> None:
    """Training must not change what it was given, else inputs and release would tell different stories."""
    changed = [
        name
        for name, artifact in given.artifacts.items()
        if name not in ("runtime", "model") and hash_files(artifact.files) != entries[name]
    ]
    if changed:
        raise FailedError(
            f"the train commands changed what they were given: {', '.join(changed)}",
            kind="inputs-changed",
            hint="write outputs only where artifacts.model points",
        )
