"""Wheels made by hand, so that tests need no index."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mini_project import MODEL, Mini, mini, remote  # noqa: F401  fixtures


def _make_wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = (), body: str = "") -> Path:
    """A pure wheel with one module of its name, whose `version` says which it is."""
    folder.mkdir(exist_ok=True)
    module = name.replace("-", "_").replace(".", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {need}" for need in needs),
    ]
    files = {
        f"{module.lower()}.py": f"version = {version!r}\n{body}",
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    target = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return target


@pytest.fixture
def make_wheel() -> Callable[..., Path]:
    """(folder, name, version, needs, body) -> a wheel in that folder."""
    return _make_wheel


@pytest.fixture
def project(mini: Mini, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_wheel) -> Mini:  # noqa: F811
    """The small project with a requirement, whose commands run in its runtime."""
    make_wheel(tmp_path / "wheels", "alpha", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    model = MODEL.replace("PYTHON", "python").replace("train:", "  runtime: requirements.txt\ntrain:", 1)
    mini.commit(**{"model.yaml": model, "requirements.txt": "alpha\n"})
    mini.git("push", "-q", "origin", "main")
    return mini
