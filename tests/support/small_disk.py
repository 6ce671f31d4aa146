"""A small file system of one's own, for tests of full and read-only disks."""

import os
import subprocess
import sys
from pathlib import Path

from lacking import in_namespace


def on_small_disk(tmp_path: Path, script: str, *arguments: str, megabytes: int = 4) -> list[str]:
    """Run a script: its arguments are a mount of this size, a work folder, and these. Returns its lines."""
    mount, work = tmp_path / "mount", tmp_path / "work"
    mount.mkdir()
    work.mkdir()
    shell = f"mount -t tmpfs -o size={megabytes}m none '{mount}' && exec \"$@\""
    command = [*in_namespace("--user", "--map-root-user", "--mount"), "sh", "-c", shell, "sh"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command += [sys.executable, "-c", script, str(mount), str(work), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()
