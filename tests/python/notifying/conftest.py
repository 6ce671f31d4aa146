import json

import pytest

from mini_project import mini, remote  # noqa: F401  fixtures
from receivers import hook_server, smtp_server


@pytest.fixture
def hook():
    with hook_server() as one:
        yield one


@pytest.fixture
def mailbox():
    with smtp_server() as one:
        yield one


@pytest.fixture
def result(tmp_path):
    """Writes a result document as a step leaves it, and returns its path."""

    def write(**fields):
        document = {"format": "model-devops.result.v1", "status": "ok", "summary": "all well", "error": None}
        path = tmp_path / "result.json"
        path.write_text(json.dumps(document | fields))
        return str(path)

    return write
