"""Running git: environment, deadlines, and what its failures mean."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model_devops.adapters.git_remote import redact
from model_devops.errors import (
    ModelDevopsError,
    RefusedError,
    UnreachableError,
    UsageError,
)

#: Seconds that git may take: for what it does here, and for what it does over the network.
LOCAL_SECONDS, NETWORK_SECONDS = 300.0, 900.0
TIMED_OUT = -1

#: Variables that point git at another repository: set in hooks, and never meant for us.
LEAKS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_QUARANTINE_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_DEFAULT_HASH",
)
OPTIONS = (
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    "-c",
    "core.quotePath=false",
    "-c",
    "log.showSignature=false",  # what gpg says would stand among the authors
)

#: Credentials that the caller binds for this step alone. Git's helper is told the variables' names, so that no
#: secret is on a command line; the empty one keeps helpers of the machine from answering first.
USER, PASSWORD, SSH_KEY = "MODEL_DEVOPS_GIT_USER", "MODEL_DEVOPS_GIT_PASSWORD", "MODEL_DEVOPS_GIT_SSH_KEY"
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${USER}" "${PASSWORD}"; }}; f'
BOUND = ("-c", "credential.helper=", "-c", f"credential.helper={_HELPER}")
_SSH = "ssh -o BatchMode=yes"
_SSH_WITH_KEY = f'{_SSH} -o IdentitiesOnly=yes -i "${SSH_KEY}"'

DENIED = re.compile(
    r"authentication failed|permission denied|could not read (username|password)|access denied|forbidden|"
    r"terminal prompts disabled|the requested url returned error: 40[13]|invalid credentials|not authorized",
    re.IGNORECASE,
)

#: Git's words where a fetch can't write to the clone itself, whatever the remote is like.
OWN_FOLDER = re.compile(r"^(?!remote:).*cannot open '[^']*FETCH_HEAD'", re.MULTILINE)

#: Git's words for a disk without space. What a remote says of its own disk begins with `remote:`.
FULL = re.compile(
    r"^(?!remote:).*(no space left on device|disk quota exceeded|couldn't write ')",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Finished:
    """How a run of git ended."""

    args: tuple[str, ...]
    code: int
    """Exit code; negative where it was killed."""
    output: bytes
    error: str
    """Standard error without credentials."""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 survive as surrogates."""
        return self.output.decode("utf-8", "surrogateescape")

    @property
    def words(self) -> str:
        """Git's own words in one line, without its decoration."""
        lines = [line.strip() for line in self.error.splitlines()]
        kept = [line for line in lines if line and not line.startswith("hint:")]
        return " · ".join(re.sub(r"^(fatal|error): ", "", line) for line in kept)[:1000] or f"exit code {self.code}"


def call(
    folder: Path,
    *args: str,
    input: str | bytes | None = None,  # noqa: A002
    network: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run git in `folder` and return how it ended. Raises UsageError where there is no git."""
    data = input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input
    variables = _environment(folder, network) | dict(environment or {})
    seconds = NETWORK_SECONDS if network else LOCAL_SECONDS
    try:
        process = subprocess.Popen(
            ["git", *OPTIONS, *(BOUND if network and variables.get(PASSWORD) else ()), *args],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise _not_started(folder) from error
    except NotADirectoryError as error:
        raise UsageError(f"{folder} is not a folder") from error
    with _killed_with_us(process):
        try:
            output, words = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            return Finished(args, TIMED_OUT, b"", f"no answer within {seconds:.0f} s")
    return Finished(args, process.returncode, output, redact(words.decode("utf-8", "replace")))


def failure(finished: Finished, *, network: bool = False) -> ModelDevopsError:
    """The error that a failed run of git means, in git's words."""
    words = finished.words
    verb = next((part for part in finished.args if not part.startswith("-") and "=" not in part), "")
    ours = _of_this_clone(finished, verb)
    if ours is not None:
        return ours
    if finished.code == TIMED_OUT and not network:
        return UnreachableError(f"git {verb}: {words}")
    if network and DENIED.search(finished.error):
        hint = "check the credentials that git has here, and that they may read and push"
        return RefusedError(f"git {verb} was denied: {words}", kind="denied", hint=hint)
    if network:
        return UnreachableError(f"git {verb} failed: {words}", hint="check the remote's address and try again")
    return UsageError(f"git {verb} failed: {words}", kind="git")


def _of_this_clone(finished: Finished, verb: str) -> ModelDevopsError | None:
    """What this machine is to blame for, whatever the remote is like."""
    words = finished.words
    if "dubious ownership" in finished.error:
        command = re.search(r"git config --global --add safe\.directory .*", finished.error)
        return UsageError(
            f"git refuses a repository that belongs to another user: {words}",
            kind="safe-directory",
            hint=f"if you trust it: {command[0] if command else 'git config --global --add safe.directory FOLDER'}",
        )
    if FULL.search(finished.error):
        return UnreachableError(
            f"git found the disk full: {words}", kind="disk-full", hint="free some space and run this again"
        )
    if OWN_FOLDER.search(finished.error):
        hint = "this program's user must be able to write to the clone's git folder"
        return UsageError(f"git {verb} can't write here: {words}", kind="read-only", hint=hint)
    return None


def _environment(folder: Path, network: bool) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if name not in LEAKS}
    variables |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    if network and variables.get(SSH_KEY):
        variables["GIT_SSH_COMMAND"] = _SSH_WITH_KEY
        return variables
    own = bool({"GIT_SSH_COMMAND", "GIT_SSH"} & variables.keys())
    # The variable would win over a configured command, so it is only set where there is none.
    if network and not own and not _has_ssh_command(folder):
        variables["GIT_SSH_COMMAND"] = _SSH
    return variables


@functools.cache
def _has_ssh_command(folder: Path) -> bool:
    return call(folder, "config", "--get", "core.sshCommand").code == 0


def _not_started(folder: Path) -> UsageError:
    if not folder.is_dir():
        return UsageError(f"there is no folder {folder}")
    return UsageError("git is not installed, or not on PATH", kind="no-git", hint="install git")


@contextlib.contextmanager
def _killed_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave none of git's helpers behind, whatever ends the wait: they would hold locks and pipes."""
    try:
        yield
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
