"""Manifests: rendering and checking those of many environments, against kustomize, which checks nothing."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Row, in_turn

RELEASES, GROUP = 1000, 100
"""Of 8 objects each. Kustomize's time grows with the square of their number, so it is given them in groups."""
OURS = [sys.executable, str(Path(__file__).parent / "peers" / "render_and_check.py")]


def rows() -> Iterator[Row]:
    """Ours in one process from the values on, kustomize's in one for each group from the finished objects."""
    kubectl = _kubectl()
    if kubectl is None:
        return
    with tempfile.TemporaryDirectory() as name:
        groups = [_group(Path(name) / str(first), first) for first in range(0, RELEASES, GROUP)]

        def kustomize() -> None:
            for group in groups:
                _run(kubectl, "kustomize", str(group))

        took, theirs = in_turn(lambda: _run(*OURS, "0", str(RELEASES)), kustomize, rounds=1)
    yield Row(
        f"render and check {RELEASES} releases", took, "`kubectl kustomize` on their objects", theirs, 0.4 * theirs
    )


def _group(folder: Path, first: int) -> Path:
    folder.mkdir()
    command = [*OURS, str(first), str(first + GROUP), "--print"]
    objects = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    (folder / "objects.yaml").write_bytes(objects)
    (folder / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    return folder


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _kubectl() -> str | None:
    """The one that the tests' cluster was built with, else this machine's; without one there is no such row."""
    import shutil

    from cluster_programs import folder

    built = folder() / "kubectl"
    return str(built) if built.exists() else shutil.which("kubectl")
