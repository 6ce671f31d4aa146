"""Builds what the Jenkins library brings to agents: the CLI's wheel, its requirements, and cli.json that names them.

`python tools/build_wheel.py FOLDER` writes them; with `--check` it writes nothing and fails where they are stale.
The same sources give the same bytes: entries are sorted, times and modes fixed, nothing is compressed. So git can
store a new wheel as the difference to the last one, and compresses it itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BACKEND = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
_SHORT = 32


def build(python: Path, requirements: Path) -> dict[str, bytes]:
    """The three files by name. `key` stands for the bytes of wheel and requirements; agent.py checks it."""
    name, wheel = _wheel(python)
    needed = b"".join(line for line in requirements.read_bytes().splitlines(True) if not line.lstrip().startswith(b"#"))
    key = hashlib.sha256(wheel + needed).hexdigest()[:_SHORT]
    facts = {"version": name.split("-")[1], "wheel": name, "key": key}
    return {
        "model_devops.whl": wheel,
        "requirements.txt": needed,
        "cli.json": json.dumps(facts, indent=2).encode() + b"\n",
    }


def _wheel(python: Path) -> tuple[str, bytes]:
    """The wheel's proper file name and its bytes, built from a copy so that nothing old or stray gets in."""
    with tempfile.TemporaryDirectory() as folder:
        sources, built = Path(folder, "sources"), Path(folder, "built")
        unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")
        shutil.copytree(python, sources, ignore=unwanted)
        built.mkdir()
        words = [sys.executable, "-I", "-W", "ignore", "-c", _BACKEND, str(built)]
        done = subprocess.run(words, cwd=sources, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"the wheel can't be built:\n{done.stdout}{done.stderr}")
        [wheel] = built.glob("*.whl")
        _normalise(wheel)
        return wheel.name, wheel.read_bytes()


def _normalise(wheel: Path) -> None:
    """Sort the entries, fix times and modes, store them as they are. RECORD stays true: it speaks of contents."""
    with zipfile.ZipFile(wheel) as archive:
        entries = {name: archive.read(name) for name in sorted(archive.namelist())}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)  # of 1980-01-01, not compressed
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)


def _stale(folder: Path, files: dict[str, bytes]) -> list[str]:
    return [
        name for name, data in files.items() if not (folder / name).is_file() or (folder / name).read_bytes() != data
    ]


def main() -> int:
    """Write or check the files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    parser.add_argument("--python", type=Path, default=ROOT / "python", help="the package's project")
    parser.add_argument("--requirements", type=Path, default=ROOT / "requirements" / "cli.txt", help="its lock")
    chosen = parser.parse_args()
    files = build(chosen.python, chosen.requirements)
    if chosen.check:
        stale = _stale(chosen.folder, files)
        for name in stale:
            print(f"{chosen.folder / name} is stale: run `make wheel` and commit what it writes", file=sys.stderr)
        return 1 if stale else 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (chosen.folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
