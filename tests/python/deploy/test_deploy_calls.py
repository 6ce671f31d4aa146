"""Calls that are wrong in several ways: all is said at once, above all a mistyped environment."""

import subprocess

import pytest

STEPS = {
    "deploy": ("deploy", "prodution"),
    "plan": ("plan", "prodution"),
    "approve": ("approve", "prodution", "--as", "ann"),
}


def problems(result: dict) -> dict[str, str]:
    """What is wrong with a call, with what is said to do about it."""
    return {item["message"]: item.get("hint", "") for item in result["error"]["problems"]}


def with_remote(served, folder):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    served.git("remote", "add", "origin", str(folder))
    served.git("push", "-q", "-u", "origin", "main")
    return folder


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_mistyped_environment_is_said_together_with_several_releases(served, step):
    served.release()
    assert served.build("--prerelease")["code"] == 0
    wrong = served.run(*step)
    assert (wrong["code"], wrong["error"]["kind"]) == (2, "unknown-environment"), wrong["err"]
    (unknown, hint), (several, which) = problems(wrong).items()
    assert unknown == "mini has no environment 'prodution'; there are: test, production"
    assert hint == "did you mean production?"
    assert several.startswith("several releases were built from")
    assert "--release" in which
    alone = served.run(*step, "--release", "1.0.0")
    assert (alone["code"], alone["error"]["message"], alone["error"]["hint"]) == (2, unknown, hint)
    assert alone["error"]["problems"] == []


def test_an_environment_and_a_release_that_are_not_there_and_a_missing_reason_are_said_at_once(served):
    served.release()
    wrong = served.run("approve", "tset", "--reject", "--release", "9.9.9", "--as", "\x07")
    found = list(problems(wrong))
    assert found[0].startswith("mini has no environment 'tset'")
    assert "has no release 9.9.9 of mini" in found[1]
    assert "is no name of a person" in found[2]
    assert found[3] == "a rejection needs a reason"
    assert len(found) == 4
    assert served.run("approve", "test", "--reject", "--as", "ann")["error"]["kind"] == "no-reason"


def test_P2_an_environment_that_only_the_protected_branch_knows_is_no_mistake(served, tmp_path):
    version = served.release()
    bare = with_remote(served, tmp_path / "remote.git")
    text = (served.folder / "model.yaml").read_text()
    served.commit(**{"model.yaml": text.replace("  production:", "  other:")})
    assert served.run("plan", "production", "--release", version)["code"] == 0
    wrong = served.run("plan", "producton", "--release", version)
    assert (wrong["code"], wrong["error"]["hint"]) == (2, "did you mean production?")
    assert "there are: test, other, production" in wrong["error"]["message"]
    bare.rename(tmp_path / "gone.git")
    unknown = served.run("plan", "producton", "--release", version)
    assert unknown["code"] == 8, "it may be there"
    assert "mini has no environment 'producton'; there are: test, other; and git" in unknown["error"]["message"]
