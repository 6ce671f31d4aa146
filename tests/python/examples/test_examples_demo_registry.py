"""The demo's story with its releases in a registry: every act turns out as in a folder (S1, B2)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from registries import ENVIRONMENT, distribution

DEMO = Path(__file__).parents[3] / "demo" / "run.py"


@pytest.mark.timeout(900)
def test_the_whole_story_with_a_registry(tmp_path: Path) -> None:
    with distribution(tmp_path / "registry") as host:
        command = [sys.executable, str(DEMO), "--store", f"oci://{host}/demo", "--bytes-in", str(tmp_path / "registry")]
        told = subprocess.run(command, env=ENVIRONMENT | _own(), capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"in oci://{host}/demo/digits" in told.stdout
    assert "Nothing is left running." in told.stdout


def _own() -> dict[str, str]:
    """The cache of Python's own files is not the demo's."""
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
