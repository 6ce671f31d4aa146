"""The GTO project understands our tags. It is installed once per machine."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from lacking import lacking
from model_devops.versioning.claim import claim
from repositories import digest, opened, record

GTO = "1.10.1"
# Read before the tests get a home of their own.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "model-devops-tests" / f"gto-{GTO}"


@pytest.fixture(scope="module")
def gto() -> Path:
    program = CACHE / "bin" / "gto"
    if not program.exists():
        folder = CACHE.with_name(f"{CACHE.name}-{os.getpid()}")
        venv.create(folder, with_pip=False, clear=True)
        command = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", f"gto=={GTO}"]
        if subprocess.run(command, capture_output=True, check=False, timeout=110).returncode:
            lacking("gto can't be installed here")
        (folder / "bin" / "gto").write_text(f"#!{CACHE}/bin/python\nfrom gto.cli import app\napp()\n")
        folder.rename(CACHE)
    return program


def test_gto_show_understands_our_tags(repo: Path, gto: Path) -> None:
    found = opened(repo)
    for version in ("1.9.0", "1.10.0"):
        claim(found, None, record(found.head(), version), digest(version))
    shown = subprocess.run([gto, "show", "digits", "--json"], cwd=repo, capture_output=True, text=True, check=True)
    versions = {item["version"]: item["registrations"][0] for item in json.loads(shown.stdout)}
    assert set(versions) == {"v1.9.0", "v1.10.0"}
    assert versions["v1.10.0"]["message"].startswith("digits 1.10.0: the first release")
    assert versions["v1.10.0"]["commit_hexsha"] == found.head()
