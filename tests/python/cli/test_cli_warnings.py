"""Whatever a run warns of stands in its result document, through the real command line."""

import json
from pathlib import Path

import pytest

from mini_project import Mini, mini  # noqa: F401  fixtures

KEPT = " can't be written to (Not a directory; MODEL_DEVOPS_HOME names another): releases are kept in "


@pytest.fixture
def homeless(mini: Mini, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mini:  # noqa: F811
    """A project on a machine where neither data nor cache can be written in the user's home."""
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("MODEL_DEVOPS_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return mini


def result_of(project: Mini, *arguments: str) -> dict:
    """The result file, which must say what was printed, and say it once."""
    path = project.folder.parent / "result.json"
    path.unlink(missing_ok=True)
    done = project.run("--result", str(path), *arguments)
    result = json.loads(path.read_text())
    for text in result["warnings"]:
        assert done["err"].count(f"warning: {text}") == 1, done["err"]
    assert done["err"].count("warning: ") == len(result["warnings"])
    return result


def test_S1_every_verb_that_opens_the_store_warns_where_it_is_kept_without_a_home(homeless: Mini) -> None:
    build = result_of(homeless, "build")
    assert (build["exitCode"], build["warnings"]) == (
        0,
        [f"{homeless.folder.parent}/file/home{KEPT}{homeless.folder}/.git/model-devops, with this clone only"],
    )
    for verb in (
        ["test"],
        ["release", "list"],
        ["release", "show"],
        ["store", "show"],
        ["version", "list"],
        ["verify"],
    ):
        result = result_of(homeless, *verb)
        assert (verb, result["exitCode"], result["warnings"]) == (verb, 0, build["warnings"])
    refused = result_of(homeless, "release", "show", "9.9.9")
    assert (refused["exitCode"], refused["warnings"]) == (4, build["warnings"])


def test_what_the_runtime_warns_of_is_in_the_result(homeless: Mini) -> None:
    text = (
        (homeless.folder / "model.yaml")
        .read_text()
        .replace("train:", "train:")
        .replace("  params: params.yaml\n", "  params: params.yaml\n  runtime: requirements.txt\n")
    )
    homeless.commit(**{"model.yaml": text, "requirements.txt": "# nothing\n"})
    result = result_of(homeless, "check")
    assert result["exitCode"] == 0
    assert ["can't be written: runtimes are kept in" in text for text in result["warnings"]] == [True]


def test_what_a_failed_build_noted_is_in_its_result(mini: Mini) -> None:  # noqa: F811
    ignored = (mini.folder / ".gitignore").read_text() + "params.yaml\n"
    mini.git("rm", "-q", "--cached", "params.yaml")
    mini.commit(**{".gitignore": ignored, "train.py": "raise SystemExit('no model today')\n"})
    result = result_of(mini, "build")
    assert (result["exitCode"], result["warnings"]) == (
        3,
        ["params.yaml is ignored by git, and part of the release all the same"],
    )
