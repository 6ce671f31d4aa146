"""Wheels made by hand, so that tests need no index."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest


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
