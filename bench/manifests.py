"""Manifests: rendering and checking those of many environments, against kustomize, which checks nothing."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Row, in_turn

RELEASES = 1000
OURS = Path(__file__).parent / "peers" / "render_and_check.py"


def rows() -> Iterator[Row]:
    """One process each, for all objects: ours from the values on, kustomize's from the finished objects."""
    kubectl = _kubectl()
    if kubectl is None:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = [sys.executable, str(OURS), str(RELEASES)]
        objects = subprocess.run([*ours, "--print"], stdout=subprocess.PIPE, check=True).stdout
        (folder / "objects.yaml").write_bytes(objects)
        (folder / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
        took, theirs = in_turn(lambda: _run(*ours), lambda: _run(kubectl, "kustomize", name), rounds=3)
    yield Row(
        f"render and check {RELEASES} releases", took, "`kubectl kustomize` on their objects", theirs, 0.4 * theirs
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _kubectl() -> str | None:
    """The one that the tests' cluster was built with, else this machine's; without one there is no such row."""
    import shutil

    from cluster_programs import folder

    built = folder() / "kubectl"
    return str(built) if built.exists() else shutil.which("kubectl")
