"""The served project, and the promise that a test leaves nothing running."""

from pathlib import Path

import pytest

from served import Served, make_served, of_home


@pytest.fixture
def served(home: Path, tmp_path: Path) -> Served:
    """A model with two environments; what still runs at the end is stopped by the real command."""
    project = make_served(tmp_path / "a model")
    yield project
    for environment in ("test", "production"):
        if project.revisions(environment):
            project.run("stop", environment, "--reason", "end of the test")
    left = [" ".join(process.cmdline()) for process in of_home(home)]
    assert not left, f"left running: {left}"
