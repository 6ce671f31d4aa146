"""Which tests make a release the base of the next (B4): those of the release branch, and of a clean tree."""

from pathlib import Path

import pytest

from mini_project import Mini
from signing_keys import Key

LAX = "    accuracy: {min: 0.1}\n"
STRICT = "    accuracy: {min: 0.95}\n"
BLOCK = """\
serve: {command: "true"}
environments: {production: {target: local, port: 8080, signed_by: [keys/ci.pub]}}
"""


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


class Team:
    """A project whose production asks for signatures, and who signs."""

    def __init__(self, mini: Mini, folder: Path) -> None:
        self.mini = mini
        self.ci, self.stranger = Key(folder, "ci"), Key(folder, "stranger", "ed25519")

    def ask(self) -> None:
        """Have the protected branch ask for the build server's key."""
        text = (self.mini.folder / "model.yaml").read_text() + BLOCK
        push(self.mini, **{"model.yaml": text, "keys__ci.pub": self.ci.public.read_text()})

    def release(self, seed: int, *, tested_by: Key | None = None, tested: bool = True) -> None:
        push(self.mini, **{"params.yaml": f"seed: {seed}\n"})
        ok(self.mini.build(**self.ci.environment))
        if tested:
            ok(self.mini.run("test", **(tested_by.environment if tested_by else {})))


@pytest.fixture
def team(mini: Mini, remote, tmp_path: Path) -> Team:
    return Team(mini, tmp_path)


@pytest.mark.parametrize("forger", ["nobody", "stranger"])
def test_B4_a_test_that_no_accepted_key_signed_does_not_move_the_base(team: Team, forger: str) -> None:
    """Whoever may write to the store would else choose whose authors `not_author` asks for (A1)."""
    team.ask()
    team.release(1, tested_by=team.ci)
    assert base_of_next(team.mini) == "1.0.0"
    team.release(2, tested_by=team.stranger if forger == "stranger" else None)
    assert base_of_next(team.mini) == "1.0.0"
    team.release(3, tested=False)
    assert ok(team.mini.run("version", "explain", "1.0.2"))["base"] == "1.0.0"
    ok(team.mini.run("test", "--release", "1.0.2", **team.ci.environment))
    assert base_of_next(team.mini) == "1.0.2"


def test_B4_the_first_signature_asked_for_does_not_raise_the_base_to_what_nobody_tested(team: Team) -> None:
    team.release(1)
    team.release(2, tested=False)
    assert base_of_next(team.mini) == "1.0.0"
    team.ask()
    assert base_of_next(team.mini) == "1.0.0", "as long as no test is signed, all count"


def test_B4_what_the_checkout_says_of_keys_changes_no_base(team: Team) -> None:
    """Whose signatures count is policy, which is the protected branch's to say (P1)."""
    team.ask()
    team.release(1, tested_by=team.ci)
    team.release(2)
    text = (team.mini.folder / "model.yaml").read_text()
    (team.mini.folder / "model.yaml").write_text(text.replace("signed_by: [keys/ci.pub]", "signed_by: []"))
    assert base_of_next(team.mini) == "1.0.0"


def test_B4_only_a_signed_withdrawal_ends_a_test_that_failed(team: Team) -> None:
    team.ask()
    team.release(1, tested_by=team.ci)
    team.release(2, tested_by=team.ci)
    push(team.mini, **{"model.yaml": gates(team.mini, STRICT) + BLOCK})
    assert team.mini.run("test", "--release", "1.0.1")["code"] == 3
    assert base_of_next(team.mini) == "1.0.0", "an unsigned failure counts"
    failed = ok(team.mini.run("release", "show", "1.0.1"))["evidence"][-1]["digest"]
    ok(team.mini.run("release", "withdraw", failed, "--reason", "the machine was tired"))
    assert base_of_next(team.mini) == "1.0.0"
    ok(team.mini.run("release", "withdraw", failed, "--reason", "the machine was tired", **team.ci.environment))
    assert base_of_next(team.mini) == "1.0.1"
