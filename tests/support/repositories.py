"""Git repositories, records and claims, for tests."""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

from model_devops.adapters.git import Git, open_git
from model_devops.release.record import Identity, Inputs, Origin, Reason, Record


def git(*arguments: str, cwd: Path) -> str:
    """Run git and return its output without the last newline."""
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout.rstrip("\n")


def commit(folder: Path, name: str = "file", text: str = "", *options: str) -> str:
    """Write a file, commit everything and return the commit."""
    (folder / name).write_text(text or str(time.time_ns()))
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", f"Change {name}", *options, cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder)


def opened(folder: Path) -> Git:
    """The repository at `folder`, through the adapter."""
    found = open_git(folder)
    assert found is not None
    return found


def digest(text: str) -> str:
    """A digest that stands for some content."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def record(commit: str | None, version: str = "1.0.0", content: str = "a", **changes: object) -> Record:
    """A record of `digits`, whose model is `content`."""
    artifacts = {name: digest(f"{name} of {content}") for name in ("model", "code")}
    fields: dict[str, object] = {
        "name": "digits",
        "version": version,
        "reasons": [Reason(level="first", text="the first release")],
        "identity": Identity(artifacts=artifacts),
        "inputs": Inputs(artifacts=artifacts),
        "commit": commit,
        "path": "model.yaml",
        "layout": {},
        "origin": Origin(build_id=content, time="2026-01-01T00:00:00.000Z"),
    }
    return Record(**(fields | changes))  # type: ignore[arg-type]
