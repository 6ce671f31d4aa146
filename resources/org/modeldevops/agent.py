"""Finds the CLI on this agent, or makes it, and becomes it. Called by run.sh; see docs/agents.md.

Needs Python 3.10 and its standard library. Takes the CLI that MODEL_DEVOPS_CLI names; else the one made here before;
else one that is preinstalled; each only in exactly the version asked for. Else it makes one from what lies in the
call's folder, and where nothing lies there it ends with 75: the caller then sends the wheel and calls again.

Each attempt to make an environment has a folder of its own, which a link names once it is whole. So nothing that a
killed build left, nor what its orphans still write, is taken for whole; the lock only spares work.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

#: Ends a call whose CLI is not here and was not sent along.
NOT_HERE = 75
_USAGE, _REFUSED, _UNREACHABLE = 2, 4, 8
_STATUS = {_USAGE: "usage", _REFUSED: "refused", _UNREACHABLE: "unreachable", 130: "interrupted", 143: "terminated"}

#: Settings of pip that would put packages elsewhere or hide why it fails, and what undoes them.
_UNDONE = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
_DROPPED = "PIP_(TARGET|PREFIX|ROOT|PYTHON|REPORT|DRY_RUN|QUIET|REQUIREMENT|CONSTRAINT|EDITABLE)"
_FULL = "the disk is full", "free some space on this agent and run this again"
#: How the output of venv or pip tells why it failed: exit code, what to say, what to do.
_REASONS: tuple[tuple[str, int, str, str], ...] = (
    (r"No space left on device|Disk quota exceeded|\[Errno (28|122)\]", _UNREACHABLE, *_FULL),
    (
        r"DO NOT MATCH THE HASHES",
        _REFUSED,
        "a package on the index has other bytes than those that the library names",
        "find out who changed it; nothing of it was installed",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError|TLS CA certificate bundle",
        _UNREACHABLE,
        "the package index's certificate is not trusted",
        "name the file of your authority's certificates: PIP_CERT, or `cert` in pip.conf",
    ),
    (
        r"connection broken by|ConnectionError|Read timed out|ConnectTimeout|ReadTimeoutError|No route to host"
        r"|Temporary failure in name resolution|Name or service not known|Max retries exceeded|NameResolutionError"
        r"|HTTP error (429|5\d\d)|\b(429|5\d\d) (Server|Client) Error|too many 5\d\d error responses",
        _UNREACHABLE,
        "no package index answers",
        "try again, or name a mirror (PIP_INDEX_URL) or a folder of wheels (PIP_NO_INDEX=1, PIP_FIND_LINKS)",
    ),
    (
        r"\b40[13] Client Error",
        _USAGE,
        "the package index refuses these credentials",
        "put the right ones into PIP_INDEX_URL, pip.conf or .netrc",
    ),
    ("", _USAGE, "venv or pip failed", "docs/agents.md tells of mirrors, folders of wheels and preinstalled CLIs"),
)
#: What pip and its like write where a shebang can't name the interpreter: #!/bin/sh, then '''exec' "path" "$0" "$@".
_LONG_SHEBANG = re.compile(r"""'''exec'\s+(?:"([^"]+)"|'([^']+)'|(\S+))\s""")


class AgentError(Exception):
    """What keeps the CLI from running on this agent, and what to do about it."""

    def __init__(self, code: int, message: str, hint: str, problems: list[str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = f'agent "{os.environ.get("NODE_NAME") or os.uname().nodename}": {message}'
        self.hint = hint
        self.problems = problems or []


@dataclass
class Call:
    """One call of a verb: its folder, what is asked for, and the CLIs that were looked at and not taken."""

    folder: Path
    verb: list[str]
    version: str
    key: str
    passed_over: list[str] = field(default_factory=list)

    @property
    def wheel(self) -> Path | None:
        """The CLI's wheel, where the caller has sent it along; requirements.txt comes with it."""
        return next(iter(sorted(self.folder.glob("model_devops-*.whl"))), None)


def main() -> int:
    """Become the CLI; returns only where that can't be: the exit code, with a result written unless it is 75."""
    call = _call()
    _handle_signals(_end)
    try:
        if (python := find(call)) is not None:
            _become(python, call)
    except (AgentError, OSError) as error:
        return _report(call, error if isinstance(error, AgentError) else _system(error))
    return NOT_HERE


def _become(python: str, call: Call) -> None:
    files = ["--request", str(call.folder / "request.json"), "--result", str(call.folder / "result.json")]
    _handle_signals(signal.SIG_DFL)  # a handler of ours that hasn't run yet would be lost with this program
    os.execv(python, [python, "-I", "-m", "model_devops", *files, *call.verb])


def find(call: Call) -> str | None:
    """The interpreter that has the CLI in exactly the version asked for. None: it is not here, and can't be made."""
    return _named(call) or _made(call) or _preinstalled(call) or _installed(call)


def _call() -> Call:
    """Take the call out of the environment: the CLI and what it starts have no use for it."""
    names = ("CALL", "VERB", "CLI_VERSION", "CLI_KEY")
    folder, verb, version, key = (os.environ.pop(f"MODEL_DEVOPS_{name}") for name in names)
    return Call(Path(os.path.abspath(folder)), verb.split(), version, key)


def _named(call: Call) -> str | None:
    """The CLI that MODEL_DEVOPS_CLI names: this one or none."""
    if not (name := os.environ.get("MODEL_DEVOPS_CLI")):
        return None
    python = _interpreter_of(name)
    found = _probe(python) if python else "nothing that can be run"
    if found != call.version:
        raise AgentError(
            _USAGE,
            f"MODEL_DEVOPS_CLI={name} has {_words(found)}, this library needs exactly {call.version}",
            f"install model-devops {call.version} there, or unset MODEL_DEVOPS_CLI: the library then brings its own",
        )
    return python


def _made(call: Call) -> str | None:
    """The CLI that an earlier build made here for this interpreter."""
    there = (folder / _name(call) / "bin" / "python" for folder in _folders(call))
    return next((str(python) for python in there if _can_run(python)), None)


def _preinstalled(call: Call) -> str | None:
    """The CLI that somebody put here; one of another version is passed over, and told of in messages."""
    there = {}
    if importlib.util.find_spec("model_devops"):
        there[sys.executable] = sys.executable
    if script := shutil.which("model-devops"):
        there[script] = _interpreter_of(script) or script
    for place, python in there.items():
        if (found := _probe(python)) == call.version:
            return python
        call.passed_over.append(f"{place} was passed over: it has {_words(found)}, {call.version} is needed")
    return None


def _interpreter_of(name: str) -> str | None:
    """The interpreter of a virtual environment's folder, of a console script, or `name` itself if it is one."""
    path = Path(os.path.abspath(name)) if "/" in name else Path(shutil.which(name) or name)
    if path.is_dir():
        path = path / "bin" / "python"
    if not _can_run(path):
        return None
    with path.open("rb") as stream:
        head = os.fsdecode(stream.read(4096))
    if not head.startswith("#!"):
        return str(path)
    long = _LONG_SHEBANG.search(head)
    words = [next(filter(None, long.groups()))] if long else head[2:].splitlines()[0].split()
    if words and os.path.basename(words[0]) == "env":
        words = [shutil.which(words[-1]) or words[-1]]
    # A script of another kind is one that starts an interpreter, as pyenv's are.
    return words[0] if words and os.path.basename(words[0]).startswith(("python", "pypy")) else str(path)


def _probe(python: str) -> str:
    """The version of the CLI that this interpreter has, or its last words."""
    try:
        words = [python, "-I", "-m", "model_devops", "--version"]
        done = subprocess.run(words, check=False, capture_output=True, text=True, errors="replace")
    except OSError as error:
        return str(error.strerror)
    lines = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {done.returncode}")


def _words(found: str) -> str:
    return f"model-devops {found}" if re.fullmatch(r"\d[\w.+-]*", found) else f"no model-devops that runs ({found})"


def _installed(call: Call) -> str | None:
    """The CLI made from what was sent along. None: nothing was."""
    if (wheel := call.wheel) is None:
        _say(f"model-devops {call.version} is not on this agent yet", *call.passed_over)
        return None
    _check(call, wheel)
    missing = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if missing:
        raise AgentError(
            _USAGE,
            f"{_this_python()} can't make virtual environments: it has no {' and no '.join(missing)}",
            "on Debian and Ubuntu: apt-get install python3-venv; or set MODEL_DEVOPS_PYTHON to a whole Python, or "
            f"install model-devops {call.version} on the agent",
            call.passed_over,
        )
    link = _writable(call) / _name(call)
    with _locked(link.with_name(link.name + ".lock")):
        if not _can_run(python := link / "bin" / "python"):
            _make(link, call, wheel)
    return str(python)


def _check(call: Call, wheel: Path) -> None:
    """Refuse what is not, byte for byte, what the library holds."""
    key = hashlib.sha256(wheel.read_bytes() + (call.folder / "requirements.txt").read_bytes()).hexdigest()
    if not key.startswith(call.key):
        raise AgentError(
            _REFUSED,
            f"{wheel.name} and requirements.txt are not the library's: their key is {key}, not {call.key}",
            "run this again; if it stays so, something changes files between controller and agent",
        )


def _make(link: Path, call: Call, wheel: Path) -> None:
    """Make the environment and let `link` name it. What killed attempts left is removed: this machine's, which the lock
    parts from those at work, at once; all others when no installation takes that long."""
    mine, yesterday = f"{link.name}.{os.uname().nodename}.", time.time() - 86400
    named = {os.readlink(each) for each in link.parent.iterdir() if each.is_symlink()}
    for left in link.parent.glob("*.d"):
        with contextlib.suppress(OSError):
            if left.name.startswith(mine) or (left.name not in named and left.stat().st_mtime < yesterday):
                shutil.rmtree(left, ignore_errors=True)
    _say(f"installing model-devops {call.version} into {link} (once for each version)", *call.passed_over)
    venv = Path(tempfile.mkdtemp(prefix=mine, suffix=".d", dir=link.parent))
    try:
        _fill(venv, call, wheel)
        os.sync()  # else the link may survive a power loss that the files don't
        new = venv / "link"
        new.symlink_to(venv.name)
        new.replace(link)
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def _fill(venv: Path, call: Call, wheel: Path) -> None:
    python = str(venv / "bin" / "python")
    log = call.folder / "install.log"
    _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], log, call)
    _run([python, "-I", "-m", "ensurepip"], log, call)  # not left to venv, which keeps its words to itself
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "-vv"]
    what = ["-r", str(call.folder / "requirements.txt"), f"{wheel.as_uri()}#sha256={digest}"]
    _run([python, "-I", "-m", "pip", "install", *options, *what], log, call)
    if (found := _probe(python)) != call.version:
        raise AgentError(_USAGE, f"what was installed into {venv} has {_words(found)}", "look at " + str(log))


def _run(words: list[str], log: Path, call: Call) -> None:
    with log.open("w+b") as stream:
        out, env = subprocess.STDOUT, _pip_environment()
        done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=stream, stderr=out, env=env)
        stream.seek(0)
        output = stream.read().decode(errors="replace")
    if done.returncode != 0:
        raise _failure(re.sub(r"(://)[^/\s@]*@", r"\1***@", output), call)


def _pip_environment() -> dict[str, str]:
    """What pip.conf and PIP_* say of indexes counts; what they say of where packages go doesn't."""
    return {name: value for name, value in os.environ.items() if not re.fullmatch(_DROPPED, name)} | _UNDONE


def _failure(output: str, call: Call) -> AgentError:
    _, code, what, hint = next(reason for reason in _REASONS if re.search(reason[0], output))
    unfetched = re.findall(r"Could not fetch URL .*|(?:Location|Url) .* is ignored.*", output)[:1]
    said = output.partition("Exception information:")[0].partition("ERROR:")
    lines = [line.strip() for line in (said[2] or said[0]).splitlines() if line.strip()]
    message = f"model-devops {call.version} can't be installed with {_this_python()}: {what}"
    return AgentError(code, message, hint, [*unfetched, *lines[-8:], *call.passed_over])


def _folders(call: Call) -> list[Path]:
    """Where this build's CLIs may lie; that of the workspace is all that a fork's build gets (P6)."""
    cache = None if os.environ.get("CHANGE_FORK") else _cache()
    own = call.folder.parent / "cli"
    return [cache / "cli", own] if cache else [own]


def _cache() -> Path | None:
    """The program's cache, found as the program itself finds it (adapters/paths.py)."""
    if own := os.environ.get("MODEL_DEVOPS_HOME"):
        return Path(own).absolute() / "cache"
    if os.path.isabs(base := os.environ.get("XDG_CACHE_HOME", "")):
        return Path(base) / "model-devops"
    home = os.environ.get("HOME") or os.path.expanduser("~")
    return Path(home) / ".cache" / "model-devops" if os.path.isabs(home) else None


def _writable(call: Call) -> Path:
    """The cache if it can be written and locked, else the workspace's own folder."""
    folder, *others = _folders(call)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError as error:
        if not others:
            raise
        _say(f"{folder} can't be written ({error.strerror}): the CLI is kept in {others[0]}, for this workspace")
        folder = others[0]
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another build that installs model-devops here ({path})")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _name(call: Call) -> str:
    """An environment's name: what is in it, and the interpreter that it hangs on."""
    facts = [os.path.realpath(sys.executable), sys.version, sysconfig.get_config_var("SOABI"), os.uname().machine]
    python = hashlib.sha256("\n".join(map(str, facts)).encode(errors="surrogateescape")).hexdigest()[:12]
    return f"{call.key}-py{sys.version_info.major}.{sys.version_info.minor}-{python}"


def _can_run(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _report(call: Call, error: AgentError) -> int:
    """Write the result in the form of docs/result.schema.json, tell the console, return the exit code."""
    status, problems = _STATUS[error.code], [{"message": problem} for problem in error.problems]
    document = {
        "format": "model-devops.result.v1",
        "program": call.version,
        "status": status,
        "exitCode": error.code,
        "summary": " ".join(f"{status}: {error.message}".split()),
        "error": {"kind": "agent", "message": error.message, "problems": problems, "hint": error.hint},
    }
    document |= {"warnings": [], "release": None, "revision": None, "reports": []}
    text = "\n".join([f"model-devops: {error.message}", *error.problems, f"next: {error.hint}"]).replace("\n", "\n  ")
    sys.stderr.buffer.write(text.encode(errors="backslashreplace") + b"\n")
    new = call.folder / "result.json.new"
    new.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")
    new.replace(call.folder / "result.json")
    return error.code


def _system(error: OSError) -> AgentError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return AgentError(_UNREACHABLE, f"{_FULL[0]} ({error})", _FULL[1])
    return AgentError(_USAGE, str(error), "let this user read and write there, or set XDG_CACHE_HOME to where it may")


def _say(*lines: str) -> None:
    text = "\n  ".join((f"model-devops: {lines[0]}", *lines[1:])) + "\n"
    sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
    sys.stdout.buffer.flush()


def _this_python() -> str:
    return f"{sys.executable} ({sys.version.split()[0]})"


def _end(signum: int, _frame: FrameType | None) -> None:
    _handle_signals(signal.SIG_IGN)
    raise AgentError(128 + signum, f"ended by signal {signum} before the CLI ran", "run this again")


def _handle_signals(handler: object) -> None:
    """Let SIGINT and SIGTERM be taken by `handler`, except where the caller has them ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
