"""Which tests make a release the base of the next (B4): those of the release branch, and of a clean tree."""

import pytest

from mini_project import Mini

LAX = "    accuracy: {min: 0.1}\n"
STRICT = "    accuracy: {min: 0.95}\n"


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def gates(mini: Mini, gate: str) -> str:
    text = (mini.folder / "model.yaml").read_text()
    return text[: text.index("    accuracy:")] + gate


def push(mini: Mini, **files: str) -> None:
    mini.commit(**files)
    mini.git("push", "-q", "origin", "HEAD:main")


def base_of_next(mini: Mini) -> str:
    return str(ok(mini.run("version", "next"))["base"])


def state(mini: Mini, version: str) -> str:
    rows = ok(mini.run("version", "list"))["versions"]
    return str(next(row["state"] for row in rows if row["version"] == version))


@pytest.fixture
def two(mini: Mini, remote) -> Mini:
    """1.0.0 passed its tests; 1.0.1 fails those of the release branch, which became stricter."""
    ok(mini.build())
    ok(mini.run("test"))
    push(mini, **{"params.yaml": "seed: 7\n", "model.yaml": gates(mini, STRICT)})
    assert ok(mini.build())["version"] == "1.0.1"
    return mini


def test_B4_a_test_on_a_feature_branch_with_weaker_gates_does_not_move_the_base(two):
    two.git("checkout", "-q", "-b", "feature")
    two.commit(**{"model.yaml": gates(two, LAX)})
    ok(two.run("test", "--release", "1.0.1"))
    two.git("checkout", "-q", "main")
    assert (base_of_next(two), state(two, "1.0.1")) == ("1.0.0", "built")
    push(two, **{"params.yaml": "seed: 8\n"})
    ok(two.build())
    assert ok(two.run("version", "explain", "1.0.2"))["base"] == "1.0.0", "whose authors are asked for by A1"


def test_B4_a_failed_test_on_a_feature_branch_does_not_move_the_base_either(two):
    two.git("checkout", "-q", "-b", "feature")
    two.commit(**{"params.yaml": "seed: 1\n", "model.yaml": gates(two, STRICT)})
    assert two.run("test", "--release", "1.0.0")["code"] == 3
    two.git("checkout", "-q", "main")
    assert (base_of_next(two), state(two, "1.0.0")) == ("1.0.0", "tested")


def test_B4_the_newest_test_on_the_release_branch_decides(two):
    assert two.run("test", "--release", "1.0.1")["code"] == 3
    assert (base_of_next(two), state(two, "1.0.1")) == ("1.0.0", "tests failed")
    push(two, **{"model.yaml": gates(two, LAX)})
    ok(two.run("test", "--release", "1.0.1"))
    assert (base_of_next(two), state(two, "1.0.1")) == ("1.0.1", "tested")


def test_B4_a_test_at_an_older_commit_still_makes_the_base(two):
    """Where 1.0.0 is built again and not tested yet, the next equal build must not find it below the base."""
    push(two, **{"params.yaml": "seed: 1\n"})
    for _ in range(2):
        assert ok(two.build())["version"] == "1.0.0"
        push(two, **{"README.md": "hello\n"})
