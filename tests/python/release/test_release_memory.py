"""Weights go through as a stream: memory doesn't grow with them, and nothing of them lies on the disk in between."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from containers import PLATFORM, push_base
from mini_project import Mini
from registries import distribution

SIZES = {"small": 3 << 20, "large": 300 << 20}
MOST = 20 << 20
"""Bytes of memory that a release of a hundred times the size may take more."""
FEW = 4 << 20
"""Bytes that a command writes besides: caches, reports, git's objects."""
#: The real command, which tells at its end the most memory that it had and what it wrote to files.
PROGRAM = """\
import atexit, os, pathlib, runpy, sys
def tell():
    status = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    written = pathlib.Path("/proc/self/io").read_text().split("wchar:")[1].split()[0]
    pathlib.Path(os.environ["TOLD"]).write_text(f"{status} {written}")
atexit.register(tell)
runpy.run_module("model_devops", run_name="__main__")
"""
MODEL = """\
name: mini
store: oci://HOST/store
artifacts: {model: weights.bin, code: serve.py}
serve: {command: python3 serve.py}
package: {base: "HOST/base/python:3", platform: PLATFORM}
"""


@dataclass
class Used:
    """What one run of a command took."""

    memory: int
    """Bytes at the most."""
    written: int
    """Bytes to files and pipes; not to sockets."""


@dataclass
class Place:
    """A model of a size, and where commands for it may write."""

    mini: Mini
    folder: Path

    def run(self, *arguments: str) -> Used:
        """The command must succeed, and leave nothing where temporary files go."""
        told, temporary, home = (self.folder / name for name in ("told", "tmp", "home"))
        temporary.mkdir(exist_ok=True)
        places = {"TMPDIR": temporary, "HOME": home, "MODEL_DEVOPS_HOME": home, "TOLD": told}
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=self.mini.folder,
            env=os.environ | {name: str(place) for name, place in places.items()},
            check=True,
        )
        assert list(temporary.iterdir()) == []
        memory, written = told.read_text().split()
        return Used(int(memory) << 10, int(written))


@contextmanager
def place(folder: Path, host: str, size: int) -> Iterator[Place]:
    """A project whose weights have this size, and end with the block."""
    mini = Mini(folder / "a model")
    mini.folder.mkdir(parents=True)
    mini.git("init", "-q", "-b", "main")
    text = MODEL.replace("HOST", host).replace("PLATFORM", PLATFORM)
    mini.commit("start", **{"model.yaml": text, "serve.py": "", ".gitignore": "weights.bin\n"})
    block = os.urandom(1 << 20)
    with (mini.folder / "weights.bin").open("wb") as stream:
        for _ in range(size >> 20):
            stream.write(block)
    try:
        yield Place(mini, folder)
    finally:
        shutil.rmtree(folder)


@pytest.mark.timeout(600)
def test_memory_and_disk_stay_as_they_are_whatever_weights_go_through(tmp_path: Path) -> None:
    """Sent as a release and in an image, copied from registry to registry, and fetched."""
    used: dict[str, dict[str, Used]] = {}
    for name, size in SIZES.items():
        with (
            distribution(tmp_path / name / "first") as first,
            distribution(tmp_path / name / "second") as second,
            place(tmp_path / name / "work", first, size) as here,
        ):
            push_base(first, "base/python", "3")
            used[name] = {
                "build": here.run("build"),
                "copy": here.run("release", "copy", "1.0.0", "--to", f"oci://{second}/other"),
                "pull": here.run("pull", "1.0.0", "out"),
            }
            pulled = here.mini.folder / "out" / "weights.bin"
            assert pulled.stat().st_size == size
            assert used[name]["pull"].written == pytest.approx(size, abs=FEW)
        shutil.rmtree(tmp_path / name)
    for verb, large in used["large"].items():
        assert large.memory - used["small"][verb].memory < MOST, (verb, used)
        assert verb == "pull" or large.written < FEW, (verb, used)
