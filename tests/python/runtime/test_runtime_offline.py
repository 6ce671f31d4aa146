"""Builds where no package index answers (B3)."""

import pytest

from mini_project import Mini


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch):
    """From now on the index is a port where nobody listens."""

    def cut() -> None:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")

    return cut


def push(project: Mini, **files: str) -> None:
    project.commit(**files)
    project.git("push", "-q", "origin", "HEAD:main")


def test_B3_without_an_index_only_a_prerelease_takes_what_the_same_bytes_resolved_to(project: Mini, nowhere):
    assert project.build()["version"] == "1.0.0"
    push(project, **{"requirements.txt": "# nothing\n"})
    assert project.build()["version"] == "1.0.1", "the newest set is another one"
    nowhere()
    push(project, **{"requirements.txt": "alpha\n", "params.yaml": "seed: 5\n"})
    refused = project.build()
    assert (refused["code"], refused["error"]["kind"]) == (8, "index-unreachable")
    built = project.build("--prerelease")
    assert built["code"] == 0, built["err"]
    assert "no package index answered: the runtime is the one resolved for 1.0.0" in built["warnings"]
    push(project, **{"requirements.txt": "alpha>=1\n"})
    assert project.build("--prerelease")["error"]["kind"] == "index-unreachable", "no other bytes' set"
