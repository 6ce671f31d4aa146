"""Agents as Jenkins has them: a home, a workspace, a PATH and, of model-devops, only what the library delivers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema

from mini_project import RESULT

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources" / "org" / "modeldevops"
BASE = Path(os.path.realpath(sys.executable))
#: What a bare agent has: sh, coreutils, and for teams' commands git.
TOOLS = ("sh", "env", "cat", "cp", "ls", "mkdir", "rm", "sleep", "uname", "git")


@dataclass
class Library:
    """What `make wheel` writes."""

    folder: Path

    @property
    def facts(self) -> dict[str, str]:
        return json.loads((self.folder / "cli.json").read_text())


def changed(library: Library, folder: Path, *, without: str = "", hashes: bool = True) -> Library:
    """A library whose requirements lack a package or their hashes; in itself it is consistent."""
    shutil.copytree(library.folder, folder)
    packages = re.split(r"^(?=[a-z0-9.-]+==)", (folder / "requirements.txt").read_text(), flags=re.M)
    kept = [package for package in packages if package and not (without and package.startswith(without + "=="))]
    if not hashes:
        kept = [package.split(" ")[0] + "\n" for package in kept]
    (folder / "requirements.txt").write_text("".join(kept))
    data = (folder / "model_devops.whl").read_bytes() + (folder / "requirements.txt").read_bytes()
    key = hashlib.sha256(data).hexdigest()[:32]
    (folder / "cli.json").write_text(json.dumps(library.facts | {"key": key}))
    return Library(folder)


def make_path(folder: Path, **programs: str | Path) -> Path:
    """A folder for PATH with the tools and these programs: links, or scripts where their text is given."""
    folder.mkdir(parents=True)
    for tool in TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    for name, program in programs.items():
        place = folder / name.replace("_", "-")
        if isinstance(program, Path):
            place.symlink_to(program)
        else:
            place.write_text(program)
            place.chmod(0o755)
    return folder


@dataclass
class Ending:
    """How a call ended."""

    code: int
    out: str
    err: str
    result: dict | None

    @property
    def error(self) -> dict:
        assert self.result is not None, self.out + self.err
        assert self.result["exitCode"] == self.code
        return self.result["error"]


@dataclass
class Agent:
    """One agent. `variables` are those of the build, beside what every call gets."""

    folder: Path
    library: Library
    variables: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def workspace(self) -> Path:
        return self.folder / "ein Jöb" / "workspace"

    @property
    def below(self) -> Path:
        """Where CLIs lie that are this workspace's own."""
        return self.folder / "ein Jöb" / "workspace@tmp" / "model-devops" / "cli"

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "model-devops" / "cli"

    def prepare(self, request: dict | None = None, brings: bool = True) -> Path:
        """A call's folder, filled as Groovy does."""
        self.calls += 1
        call = self.below.parent / str(self.calls)
        call.mkdir(parents=True)
        (call / "request.json").write_text(json.dumps(request or {}))
        shutil.copyfile(RESOURCES / "agent.py", call / "agent.py")
        if brings:
            shutil.copyfile(self.library.folder / "model_devops.whl", call / self.library.facts["wheel"])
            shutil.copyfile(self.library.folder / "requirements.txt", call / "requirements.txt")
        return call

    def environment(self, call: Path, verb: str, **variables: str | None) -> dict[str, str]:
        mine: dict[str, str | None] = {
            "HOME": str(self.home),
            "NODE_NAME": "a bare agent",
            "PIP_CONFIG_FILE": os.devnull,
            "MODEL_DEVOPS_CALL": str(call),
            "MODEL_DEVOPS_VERB": verb,
            "MODEL_DEVOPS_CLI_VERSION": self.library.facts["version"],
            "MODEL_DEVOPS_CLI_KEY": self.library.facts["key"],
        }
        return {name: value for name, value in (mine | self.variables | variables).items() if value is not None}

    def start(
        self, call: Path, verb: str, before: Sequence[str] = (), shell: Sequence[str] = ("sh",), **variables: str | None
    ) -> subprocess.Popen[str]:
        """The call, started in a session of its own. `before` are words in front of the command."""
        return subprocess.Popen(
            [*before, *shell, str(RESOURCES / "run.sh")],
            cwd=self.workspace,
            env=self.environment(call, verb, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, call: Path, process: subprocess.Popen[str]) -> Ending:
        out, err = process.communicate(timeout=110)
        file = call / "result.json"
        result = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        if result is not None:
            jsonschema.validate(result, RESULT)
        return Ending(process.returncode, out, err, result)

    def run(
        self,
        verb: str = "schema",
        request: dict | None = None,
        *,
        brings: bool = True,
        before: Sequence[str] = (),
        shell: Sequence[str] = ("sh",),
        **variables: str | None,
    ) -> Ending:
        """A whole call; `brings`: with wheel and requirements."""
        call = self.prepare(request, brings)
        return self.finish(call, self.start(call, verb, before, shell, **variables))

    def whole(self, folder: Path | None = None) -> list[Path]:
        """The CLIs that were made to the end."""
        return [path for path in self.entries(folder) if path.is_symlink()]

    def entries(self, folder: Path | None = None) -> list[Path]:
        """All that lies in the folder of CLIs, locks aside."""
        folder = folder or self.cache
        return sorted(path for path in folder.glob("*") if path.suffix != ".lock") if folder.is_dir() else []


def in_namespace(script: str) -> list[str]:
    """Words that run a command in a mount namespace of its own, after `script`."""
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    words = [str(unshare), "--user", "--map-root-user", "--mount", "sh", "-c"]
    return [*words, f'{script.replace("mount", str(mount), 1)} && exec "$@"', "sh"]


def partial_python(folder: Path, without: Sequence[str]) -> Path:
    """This Python once more, as a distribution that packs these files of the library separately would have it."""
    library = Path(sysconfig.get_path("stdlib"))
    copy = folder / "lib" / library.name
    copy.mkdir(parents=True)
    for path in library.iterdir():
        if path.name not in without:
            (copy / path.name).symlink_to(path)
    (folder / "bin").mkdir()
    shutil.copy(BASE, folder / "bin" / "python3")
    return folder / "bin" / "python3"
