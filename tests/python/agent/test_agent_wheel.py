"""What `make wheel` writes: the same bytes everywhere, true in itself, and told of when it is stale."""

import base64
import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agents import ROOT, Library

BUILDER = ROOT / "tools" / "build_wheel.py"
FILES = ("cli.json", "model_devops.whl", "requirements.txt")


def build(
    folder: Path, *options: str, python: Path = ROOT / "python", **environment: str
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(BUILDER), str(folder), "--python", str(python), *options]
    return subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The sources as another machine has them: other times, other modes, other names order, things left about."""
    copy = tmp_path / "other place" / "python"
    shutil.copytree(ROOT / "python", copy, copy_function=shutil.copyfile)
    for number, path in enumerate(sorted(copy.rglob("*.py"))):
        path.chmod(0o755 if number % 2 else 0o600)
        os.utime(path, (10**9 + number, 10**9 + number))
    for stray in ("build/lib/model_devops/old.py", "model_devops/__pycache__/old.pyc", "x.egg-info/SOURCES.txt"):
        (copy / stray).parent.mkdir(parents=True, exist_ok=True)
        (copy / stray).write_text("model_devops/old.py\n")
    return copy


def test_same_sources_give_the_same_bytes(library: Library, elsewhere: Path, tmp_path: Path) -> None:
    folder = tmp_path / "built"
    done = build(folder, python=elsewhere, TZ="Pacific/Auckland", LC_ALL="C", PYTHONHASHSEED="7")
    assert done.returncode == 0, done.stderr
    assert contents(folder) == contents(library.folder)


def test_changed_source_gives_another_key_and_is_stale(library: Library, elsewhere: Path, tmp_path: Path) -> None:
    fresh = build(library.folder, "--check")
    assert (fresh.returncode, fresh.stderr) == (0, "")
    before = contents(library.folder)
    with (elsewhere / "model_devops" / "errors.py").open("a") as stream:
        stream.write("# changed\n")
    stale = build(library.folder, "--check", python=elsewhere)
    assert stale.returncode == 1
    told = [line.split(": ")[0] for line in stale.stderr.splitlines()]
    assert told == [f"{library.folder / name} is stale" for name in ("model_devops.whl", "cli.json")]
    assert "make wheel" in stale.stderr
    assert contents(library.folder) == before
    missing = build(tmp_path / "nowhere", "--check")
    assert missing.returncode == 1
    assert all(name in missing.stderr for name in FILES)
    build(tmp_path / "built", python=elsewhere)
    assert Library(tmp_path / "built").facts["key"] != library.facts["key"]


def test_wheel_is_stored_sorted_and_its_record_is_true(library: Library) -> None:
    with zipfile.ZipFile(library.folder / "model_devops.whl") as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        assert names == sorted(names)
        assert {(entry.compress_type, entry.external_attr, entry.date_time) for entry in entries} == {
            (zipfile.ZIP_STORED, 0o100644 << 16, (1980, 1, 1, 0, 0, 0))
        }
        [record] = [name for name in names if name.endswith(".dist-info/RECORD")]
        rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert set(rows) == set(names)
        for name in set(names) - {record}:
            digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(b"=").decode()
            assert rows[name] == [f"sha256={digest}", str(archive.getinfo(name).file_size)]
    tracked = {str(path.relative_to(ROOT / "python")) for path in (ROOT / "python" / "model_devops").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == tracked


def test_facts_name_version_file_and_key(library: Library) -> None:
    import model_devops

    wheel, needed = ((library.folder / name).read_bytes() for name in ("model_devops.whl", "requirements.txt"))
    version = model_devops.__version__
    assert library.facts == {
        "version": version,
        "wheel": f"model_devops-{version}-py3-none-any.whl",
        "key": hashlib.sha256(wheel + needed).hexdigest()[:32],
    }
    pins = re.findall(r"^[a-z0-9.-]+==", needed.decode(), re.M)
    assert pins == re.findall(r"^[a-z0-9.-]+==", (ROOT / "requirements" / "cli.txt").read_text(), re.M)
    assert b"#" not in needed


def test_sources_that_cannot_be_built_say_why(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "pyproject.toml").write_text("[project]\nname = 7\n")
    done = build(tmp_path / "built", python=tmp_path / "python")
    assert done.returncode == 1
    assert "the wheel can't be built" in done.stderr
    assert "`project` must contain" in done.stderr
    assert not (tmp_path / "built").exists()


def test_git_stores_a_changed_wheel_as_a_difference(library: Library, elsewhere: Path, tmp_path: Path) -> None:
    """A release adds a few kilobytes to the history, not a wheel."""
    with (elsewhere / "model_devops" / "errors.py").open("a") as stream:
        stream.write("# changed\n")
    build(tmp_path / "built", python=elsewhere)
    repository = tmp_path / "library"
    repository.mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True)

    git("init", "-q")
    sizes = []
    for folder in (library.folder, tmp_path / "built"):
        shutil.copyfile(folder / "model_devops.whl", repository / "model_devops.whl")
        git("add", ".")
        git("commit", "-qm", "release")
        git("gc", "-q", "--aggressive")
        sizes.append(sum(path.stat().st_size for path in (repository / ".git" / "objects").rglob("*.pack")))
    assert sizes[1] - sizes[0] < 5000, sizes
