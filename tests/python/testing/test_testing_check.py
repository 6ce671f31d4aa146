"""Checks report all failures at once."""

from pathlib import Path
from xml.etree import ElementTree

from mini_project import PYTHON, Mini


def with_check(mini: Mini, check: str, **files: str) -> dict:
    text = (mini.folder / "model.yaml").read_text()
    mini.commit(**{"model.yaml": f"{text}check: {check}\n"}, **files)
    return mini.run("check")


def test_all_failing_commands_are_told_at_once(mini: Mini):
    result = with_check(mini, "['echo bad style; exit 1', 'true', 'exit 7']")
    assert (result["code"], result["error"]["kind"]) == (3, "check"), result["err"]
    found = [problem["message"] for problem in result["error"]["problems"]]
    assert "`echo bad style; exit 1` ended with exit code 1; its last line was: bad style" in found
    assert "`exit 7` ended with exit code 7 and wrote nothing" in found
    (report,) = [item for item in result["reports"] if item["kind"] == "junit"]
    suite = ElementTree.parse(mini.folder / report["path"]).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")


def test_passing_checks_pass_and_git_does_not_see_the_reports(mini: Mini):
    result = with_check(mini, "['true']")
    assert (result["code"], result["checks"]) == (0, ["true"]), result["err"]
    assert [report["kind"] for report in result["reports"]] == ["junit"], "no log where nothing was said"
    assert mini.git("status", "--porcelain") == ""


def test_the_model_is_checked_where_its_weights_are_in_the_repository(mini: Mini):
    text = (mini.folder / "model.yaml").read_text()
    text = text.replace(f"train: {PYTHON} train.py\n", "").replace("  model: model/\n", "  model: weights/\n")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    mini.commit(**{"model.yaml": text, "weights__a.safetensors": pointer})
    result = with_check(mini, "['exit 1']")
    assert result["code"] == 3, result["err"]
    messages = [problem["message"] for problem in result["error"]["problems"]]
    assert len(messages) == 2
    assert any("Git-LFS pointer" in message for message in messages)


def test_a_model_that_is_yet_to_be_trained_is_no_failure(mini: Mini):
    assert mini.run("check")["code"] == 0


def test_check_runs_in_the_runtime_and_sees_no_credential(mini: Mini):
    text = (mini.folder / "model.yaml").read_text().replace("  params:", "  runtime: requirements.txt\n  params:")
    mini.commit(**{"model.yaml": text, "requirements.txt": "# nothing\n"})
    result = with_check(
        mini,
        '[\'test -n "$VIRTUAL_ENV" -a "$(command -v python)" = "$VIRTUAL_ENV/bin/python"\', \'test -z "$SOME_TOKEN"\']',
    )
    assert result["code"] == 0, result["err"]
    assert mini.run("check", SOME_TOKEN="s3cret")["code"] == 0
    made = mini.run("runtime")
    assert (Path(made["path"]) / "bin" / "python").exists()
