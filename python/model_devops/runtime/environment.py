"""The virtual environment of a runtime: made once, kept by the lock's digest, safe for two at once (B3).

Virtual environments can't be moved, so one is made where it stays, under a kernel lock; a file that is
written last says that it is whole. What a killed build left half made is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from model_devops import notices
from model_devops.adapters.files import locked, write_atomic
from model_devops.adapters.paths import cache_folder
from model_devops.errors import Problem, UnreachableError, UsageError
from model_devops.release.store import Store, Stored
from model_devops.runtime import interpreter
from model_devops.runtime.lock import FILE, Header, Pin, dumps, header_of
from model_devops.runtime.requirements import read

#: Written last, inside the environment; its time is that of the last use.
_WHOLE = "model-devops-whole"


def for_release(store: Store, release: Stored) -> Path | None:
    """The environment that this release's commands run in; None: they run in what is there.

    That is so without a `runtime` artifact and with `use: as-is`.
    """
    if "runtime" not in release.record.identity.artifacts:
        return None
    lock = store.read_file(release, "runtime", FILE)
    return None if header_of(lock).as_is else make(lock)


def for_requirements(file: Path) -> Path:
    """The environment of a requirements.txt as it resolves now; where no index answers, as it did last."""
    from model_devops.runtime.resolve import resolve

    last = _folder() / "resolved" / (_digest_of_files(file) + ".lock")
    try:
        lock = resolve(file)
    except UnreachableError:
        if not last.is_file():
            raise
        notices.warn(f"no package index answers: using the set that {file.name} resolved to last time")
        lock = last.read_bytes()
    else:
        write_atomic(last, lock)
    return make(lock)


def make(lock: bytes) -> Path:
    """The folder of the environment that holds exactly what `lock` names, made if it isn't there.

    Raises UsageError where its Python is not on PATH, RefusedError where a package has other bytes,
    UnreachableError where no index answers.
    """
    header = header_of(lock)
    name = "runtimes/" + hashlib.sha256(lock).hexdigest()[:32]
    kept = cache_folder()
    if kept is not None and _is_whole(kept / name):
        with contextlib.suppress(OSError):  # a cache that can't be written
            os.utime(kept / name / _WHOLE)  # whoever frees space can see when it was used last
        return kept / name
    venv = _folder() / name
    with locked(venv.with_suffix(".lock")):
        if not _is_whole(venv):
            shutil.rmtree(venv, ignore_errors=True)
            _make(venv, lock, header)
    return venv


def as_is(requirements: Path) -> tuple[bytes, list[str]]:
    """Names and versions of all that a command's Python finds, and where that differs from `requirements`."""
    python = interpreter.on_path()
    pins = [Pin(name, version) for name, version in python.installed.items()]
    lock = dumps(Header(python.version, python.platform, as_is=True), [], pins)
    return lock, _differences(requirements, python)


def _differences(requirements: Path, python: interpreter.Interpreter) -> list[str]:
    from packaging.utils import canonicalize_name

    there = {canonicalize_name(name): version for name, version in python.installed.items()}
    found = []
    for requirement, place in read(requirements).requirements:
        if requirement.marker and not requirement.marker.evaluate(dict(python.markers)):
            continue
        version = there.get(canonicalize_name(requirement.name))
        if version is None:
            found.append(f"{place} asks for {requirement.name}{requirement.specifier}, which is not installed")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{place} asks for {requirement.name}{requirement.specifier}, there is {version}")
    return found


def _is_whole(venv: Path) -> bool:
    """Whether it was made to the end and its Python, which lies outside of it, is still there."""
    return (venv / _WHOLE).is_file() and os.access(venv / "bin" / "python", os.X_OK)


def _make(venv: Path, lock: bytes, header: Header) -> None:
    from model_devops.runtime.commands import run_program
    from model_devops.runtime.pip import run_pip
    from model_devops.runtime.resolve import variables_in
    from model_devops.runtime.surroundings import passed

    python = interpreter.of_version(header.python)
    words = [python.path, "-I", "-m", "venv", "--without-pip", str(venv)]
    finished = run_program(words, venv.parent, passed())
    if not finished.ok:
        raise UsageError(
            f"{python.path} can't make a virtual environment: it {finished.explain()}",
            kind="no-venv",
            hint="install the package that holds Python's venv module",
        )
    file = venv / FILE
    file.write_bytes(lock)
    if any(line and not line.startswith((b"#", b"--")) for line in lock.splitlines()):
        arguments = ["install", "--no-deps", "--require-hashes", "-r", str(file)]
        try:
            run_pip(venv / "bin" / "python", arguments, venv, variables_in([file]))
        except UsageError as error:
            raise _with_platform(error, header, python) from error
    write_atomic(venv / _WHOLE, b"")


def _with_platform(error: UsageError, header: Header, python: interpreter.Interpreter) -> UsageError:
    if header.platform == python.platform:
        return error
    problem = Problem(f"the runtime was resolved on {header.platform}, this machine is {python.platform}")
    return UsageError(error.message, kind=error.kind, problems=[problem, *error.problems], hint=error.hint)


def _folder() -> Path:
    """The cache, or a folder of this user's in the temporary one where there is no writable cache."""
    kept = cache_folder()
    if kept is not None and _can_write(kept):
        return kept
    folder = Path(tempfile.gettempdir()) / f"model-devops-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UsageError(
            f"{folder} belongs to somebody else or can be written by others, and the cache {kept} can't be written",
            hint="set MODEL_DEVOPS_HOME to a folder of your own",
        )
    notices.warn(f"the cache {kept} can't be written: runtimes are kept in {folder}; set MODEL_DEVOPS_HOME")
    return folder


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _digest_of_files(file: Path) -> str:
    digest = hashlib.sha256()
    for path in read(file).files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]
