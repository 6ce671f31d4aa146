"""`push` and `pull`: releases from store to store, and their files into a folder (S1, B2)."""

from pathlib import Path

import pytest

from mini_project import Mini
from registries import free_address, store_at


@pytest.fixture(params=["folder", "plain_registry", "referrers_registry"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "folder":
        return str(tmp_path / "the other store")
    return f"oci://{request.getfixturevalue(request.param)}/pushed-{tmp_path.parent.name}-{free_address()[-5:]}"


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def test_B2_a_release_is_the_same_in_another_store_with_all_that_was_said_of_it(mini: Mini, target: str) -> None:
    built = ok(mini.build())
    ok(mini.run("test"))
    pushed = ok(mini.run("push", "--to", target))
    assert pushed["release"]["digest"] == built["release"]["digest"]
    there = store_at(target)
    (stored,) = there.releases()
    assert stored.digest == built["release"]["digest"]
    assert there.verify(stored) == there.problems() == []
    assert sorted(item.kind for item in there.evidence()) == ["built", "tested"]
    assert ok(mini.run("push", "--to", target))["new"] == []
    ok(mini.run("release", "revoke", "1.0.0", "--reason", "leaked data"))
    assert len(ok(mini.run("push", "1.0.0", "--to", target))["new"]) == 1
    assert "revoked" in {item.kind for item in store_at(target).evidence()}
    shown = ok(mini.run("release", "show", "1.0.0", "--store", target))
    assert shown["state"] == ["revoked"]


def test_V6_a_version_that_is_another_release_there_is_refused(mini: Mini, target: str, tmp_path: Path) -> None:
    ok(mini.build())
    ok(mini.run("push", "--to", target))
    mini.commit(**{"params.yaml": "seed: 2\n"})
    mini.git("tag", "-d", "mini@v1.0.0")
    other = {"MODEL_DEVOPS_HOME": str(tmp_path / "other home")}
    ok(mini.build(**other))
    refused = mini.run("push", "1.0.0", "--to", target, **other)
    assert (refused["code"], refused["error"]["kind"]) == (4, "other-content")
    assert "nothing was copied" in refused["err"]


def test_pull_puts_verified_files_in_place(mini: Mini, target: str, tmp_path: Path) -> None:
    ok(mini.build())
    ok(mini.run("push", "--to", target))
    ok(mini.run("pull", "v1.0.0", "out", "--store", target))
    weights = (mini.folder / "model" / "weights.safetensors").read_bytes()
    assert (mini.folder / "out" / "model" / "weights.safetensors").read_bytes() == weights
    only = ok(mini.run("pull", "1.0.0", "--store", target, "--artifact", "dataset"))
    assert only["path"] == "mini-1.0.0"
    assert [path.name for path in (mini.folder / "mini-1.0.0").rglob("*") if path.is_file()] == ["rows.csv"]
    wrong = mini.run("pull", "1.0.0", "--store", target, "--artifact", "modle")
    assert (wrong["code"], wrong["error"]["kind"]) == (2, "usage")
    assert "it has" in wrong["err"]
