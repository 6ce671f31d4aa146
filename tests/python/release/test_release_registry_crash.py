"""`kill -9` of writers to a registry, and many writers at once: nothing is lost, a rerun succeeds (S1, S4)."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mini_project import Mini
from model_devops import faults
from model_devops.adapters.registry.address import parse
from model_devops.release.registry.store import RegistryStore

POINTS = [point for point in faults.POINTS if point.startswith("registry.")]
SCRIPT = """
import os, sys
from pathlib import Path
from release_samples import LAYOUT, built, crash_sources, record_for
from model_devops.adapters.registry.address import parse
from model_devops.release.registry.store import RegistryStore
folder, address, stage, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
sources, store = crash_sources(folder / "work"), RegistryStore(parse(address))
def step(name, action):
    if name == stage:
        os.environ["MODEL_DEVOPS_CRASH_AT"] = point
    result = action()
    os.environ.pop("MODEL_DEVOPS_CRASH_AT", None)
    return result
packed = step("put", lambda: store.put_files(sources, LAYOUT))
stored = step("name", lambda: store.name(packed, record_for(sources)))
step("evidence", lambda: store.add_evidence(stored.digest, built()))
print(stored.digest)
"""
STAGES = {
    "put": ("registry.mid-blob", "registry.before-blob-name"),
    "name": ("registry.before-manifest", "registry.after-manifest"),
    "evidence": ("registry.before-manifest", "registry.after-manifest", "registry.after-fallback"),
}
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(sys.path)}
_numbers = itertools.count()


@pytest.fixture
def address(plain_registry: str) -> str:
    return f"oci://{plain_registry}/crash{next(_numbers)}"


def run(folder: Path, address: str, stage: str, point: str) -> subprocess.CompletedProcess[str]:
    """One writer, which dies at this point of this stage."""
    command = [sys.executable, "-c", SCRIPT, str(folder), f"{address}/digits", stage, point]
    return subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)


def test_every_crash_point_of_registries_is_tried() -> None:
    assert {point for points in STAGES.values() for point in points} == set(POINTS)


@pytest.mark.parametrize(("stage", "point"), [(stage, point) for stage, points in STAGES.items() for point in points])
def test_after_a_kill_a_rerun_succeeds_and_the_registry_verifies(
    tmp_path: Path, address: str, stage: str, point: str
) -> None:
    killed = run(tmp_path, address, stage, point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = RegistryStore(parse(f"{address}/digits"))
    assert left.problems() == []
    assert all(left.verify(stored) == [] for stored in left.releases())
    again = run(tmp_path, address, "", "")
    assert again.returncode == 0, again.stderr
    store = RegistryStore(parse(f"{address}/digits"))
    (stored,) = store.releases()
    assert stored.digest == again.stdout.strip()
    assert store.verify(stored) == store.problems() == []
    assert len(store.evidence(stored.digest)) in (1, 2)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["plain_registry", "referrers_registry"])
def test_S4_fifty_writers_at_once_lose_no_statement_and_no_revocation(
    mini: Mini, request: pytest.FixtureRequest, kind: str
) -> None:
    store = f"oci://{request.getfixturevalue(kind)}/crowd"
    assert mini.build("--store", store)["code"] == 0
    words = [["store", "accept", "1.0.0", "--reason", f"word {number}", "--as", "ann"] for number in range(49)]
    words.insert(25, ["release", "revoke", "1.0.0", "--reason", "leaked data", "--as", "bob"])
    command = [sys.executable, "-m", "model_devops"]
    out = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([*command, *line, "--store", store], cwd=mini.folder, **out) for line in words]
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 50, [text for text in said if text]
    shown = mini.run("release", "show", "1.0.0", "--store", store)
    assert shown["state"] == ["revoked"]
    said = [item["body"]["reason"] for item in shown["evidence"] if item["kind"] == "accepted"]
    assert sorted(said) == sorted(f"word {number}" for number in range(49))
    assert mini.run("release", "verify", "--store", store)["code"] == 0
