"""Test runs by the real command on real releases (T1, T2, B10)."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mini_project import PYTHON, Mini
from model_devops.project import open_project
from model_devops.release import evidence as statements

EVALUATE = "import json; json.dump({metrics}, open('metrics.json', 'w'))\n"
TEST = "test:\n  run: [{python} evaluate.py]\n"


def prepare(mini: Mini, script: str, gates: str = "{accuracy: {min: 0.5}}", more: str = "") -> dict:
    """Commit an evaluation script and gates, and build the release."""
    text = (mini.folder / "model.yaml").read_text().split("test:")[0]
    test = TEST.format(python=PYTHON) + f"  gates: {gates}\n{more}"
    mini.commit(**{"model.yaml": text + test, "evaluate.py": script})
    built = mini.build()
    assert built["code"] == 0, built["err"]
    return built


def evidence(mini: Mini) -> list[statements.Tested]:
    return [item.body for item in open_project(mini.folder / "model.yaml").store.evidence(kind="tested")]


def messages(result: dict) -> str:
    return "\n".join(problem["message"] for problem in result["error"]["problems"])


def cases(mini: Mini, result: dict) -> dict[str, str | None]:
    """Test case → failure message, of the published JUnit report."""
    (report,) = [item for item in result["reports"] if item["kind"] == "junit"]
    root = ElementTree.parse(mini.folder / report["path"]).getroot()
    return {
        str(case.get("name")): failure.get("message") if (failure := case.find("failure")) is not None else None
        for case in root.iter("testcase")
    }


def test_a_release_that_reaches_its_gates_passes(mini: Mini):
    mini.build()
    result = mini.run("test")
    assert result["code"] == 0, result["err"]
    assert (result["release"]["version"], result["metrics"]) == ("1.0.0", {"accuracy": 0.9})
    assert cases(mini, result)["accuracy min"] is None
    assert result["onReleaseBranch"]


def test_every_missed_gate_is_told_at_once_and_the_release_is_named(mini: Mini):
    script = EVALUATE.format(metrics="{'accuracy': 0.4, 'error': 0.6, 'latency': {'p95': float('nan')}, 'size': 'big'}")
    prepare(
        mini, script, "{accuracy: {min: 0.5}, error: {max: 0.3}, latency.p95: {max: 9}, size: {max: 1}, none: {min: 0}}"
    )
    result = mini.run("test")
    assert (result["code"], result["error"]["kind"]) == (3, "gate"), result["err"]
    assert len(result["error"]["problems"]) == 5
    for text in ("below min 0.5", "above max 0.3", "latency.p95 is NaN", "size is the text 'big'", "none is missing"):
        assert text in messages(result)
    assert result["release"]["version"] == "1.0.0"
    assert [name for name, failure in cases(mini, result).items() if failure] == [
        "accuracy min",
        "error max",
        "latency.p95 max",
        "size max",
        "none min",
    ]


def test_a_failing_command_fails_the_test_and_says_its_last_line(mini: Mini):
    prepare(mini, "import sys; print('one'); sys.exit('no data')")
    result = mini.run("test")
    assert (result["code"], result["error"]["kind"]) == (3, "test")
    assert "exit code 1; its last line was: no data" in messages(result)
    assert "accuracy was not measured" in messages(result)
    (log,) = [item for item in result["reports"] if item["kind"] == "text"]
    assert "no data" in (mini.folder / log["path"]).read_text()


def test_commands_after_a_failed_one_are_skipped_and_the_time_limit_is_for_all(mini: Mini):
    text = (mini.folder / "model.yaml").read_text().split("test:")[0]
    commands = f"{PYTHON} evaluate.py, touch second"
    test = f"test: {{run: [{commands}], timeout: 500ms, gates: {{accuracy: {{min: 0}}}}}}\n"
    mini.commit(**{"model.yaml": text + test, "evaluate.py": "import time; time.sleep(60)"})
    mini.build()
    result = mini.run("test")
    assert result["code"] == 3, result["err"]
    assert "time limit" in messages(result)
    assert not (mini.folder / "second").exists()
    assert list(cases(mini, result))[:3] == [f"{PYTHON} evaluate.py", "touch second", "the release is unchanged"]


def test_T1_a_metrics_file_that_the_run_did_not_write_does_not_count(mini: Mini):
    prepare(mini, "pass")
    (mini.folder / "metrics.json").write_text('{"accuracy": 1}')
    result = mini.run("test")
    assert result["code"] == 3
    assert "accuracy was not measured: the run wrote no metrics.json" in messages(result)


def test_T1_commands_get_the_releases_identity_and_no_credential(mini: Mini):
    script = "import json, os; json.dump({'accuracy': 1, 'env': dict(os.environ)}, open('metrics.json', 'w'))"
    built = prepare(mini, script)
    result = mini.run("test", REGISTRY_PSW="s3cret", ANYTHING="s3cret")
    assert result["code"] == 0, result["err"]
    seen = result["metrics"]["env"]
    assert seen["MODEL_DEVOPS_NAME"] == "mini"
    assert seen["MODEL_DEVOPS_VERSION"] == built["version"]
    assert seen["MODEL_DEVOPS_RELEASE"] == built["digest"]
    assert seen["MODEL_DEVOPS_IDENTITY"] == built["release"]["identity"]
    assert seen["MODEL_DEVOPS_COMMIT"] == mini.git("rev-parse", "HEAD")
    assert seen["MODEL_DEVOPS_MODEL_DIGEST"] == built["release"]["artifacts"]["model"]
    assert "s3cret" not in json.dumps(seen)


def test_T2_a_final_release_is_tested_with_the_gates_of_a_commit(mini: Mini):
    mini.build()
    path = mini.folder / "model.yaml"
    path.write_text(path.read_text().replace("min: 0.5", "min: 0.1"))
    result = mini.run("test")
    assert (result["code"], result["error"]["kind"]) == (4, "dirty")
    assert evidence(mini) == []


def test_T2_a_prerelease_may_be_tested_with_uncommitted_gates_and_is_marked(mini: Mini):
    path = mini.folder / "model.yaml"
    path.write_text(path.read_text().replace("min: 0.5", "min: 0.1"))
    built = mini.build("--prerelease")
    result = mini.run("test", "--release", built["version"])
    assert result["code"] == 0, result["err"]
    assert not result["onReleaseBranch"]


def test_T2_evidence_of_another_branch_does_not_count_and_the_result_says_so(mini: Mini, remote: Path):
    mini.build()
    mini.git("checkout", "-q", "-b", "feature")
    mini.commit("elsewhere")
    result = mini.run("test", "--release", "1.0.0")
    assert result["code"] == 0, result["err"]
    assert not result["onReleaseBranch"]
    assert any("no environment counts this test" in text for text in result["warnings"])


def test_B1_other_test_commands_than_the_releases_are_refused(mini: Mini):
    mini.build()
    path = mini.folder / "model.yaml"
    mini.commit(**{"model.yaml": path.read_text().replace("evaluate.py]", "evaluate.py --easy]")})
    result = mini.run("test", "--release", "1.0.0")
    assert (result["code"], result["error"]["kind"]) == (4, "different")


def test_B10_outputs_of_another_build_are_replaced_by_the_releases(mini: Mini):
    script = (
        "import json, os; "
        "json.dump({'accuracy': os.path.getsize('model/weights.safetensors'), 'files': sorted(os.listdir('model'))},"
        " open('metrics.json', 'w'))"
    )
    prepare(mini, script)
    size = (mini.folder / "model" / "weights.safetensors").stat().st_size
    (mini.folder / "model" / "weights.safetensors").write_bytes(b"swapped")
    (mini.folder / "model" / "extra.bin").write_bytes(b"left over")
    result = mini.run("test")
    assert result["code"] == 0, result["err"]
    assert result["metrics"] == {"accuracy": size, "files": ["weights.safetensors"]}


def test_B10_files_are_put_in_place_on_an_agent_that_has_none(mini: Mini, remote: Path, tmp_path: Path):
    from mini_project import clone

    mini.build()
    other = clone(remote, tmp_path / "another agent")
    result = other.run("test", "--release", "1.0.0")
    assert result["code"] == 0, result["err"]
    assert (other.folder / "model" / "weights.safetensors").exists()


def test_B10_tracked_files_that_differ_are_refused_each_by_name(mini: Mini):
    mini.build()
    (mini.folder / "data" / "rows.csv").write_text("9\n")
    (mini.folder / "train.py").unlink()
    (mini.folder / "data" / "more.csv").write_text("9\n")
    mini.git("add", "data/more.csv")
    result = mini.run("test")
    assert (result["code"], result["error"]["kind"]) == (4, "different")
    assert [(item["file"], item["message"].split(" of ")[0]) for item in result["error"]["problems"]] == [
        ("data/more.csv", "is not in dataset"),
        ("data/rows.csv", "differs from dataset"),
        ("train.py", "is missing here, and in code"),
    ]
    assert f"check out {mini.git('rev-parse', 'HEAD')[:12]}" in result["error"]["hint"]


def test_B10_without_git_nothing_is_tracked_and_other_data_is_moved_aside(mini: Mini):
    prepare(
        mini, "import json; json.dump({'accuracy': len(open('data/rows.csv').read())}, open('metrics.json', 'w'))\n"
    )
    shutil.rmtree(mini.folder / ".git")
    version = mini.build()["version"]
    (mini.folder / "data" / "rows.csv").write_text("")
    result = mini.run("test", "--release", version)
    assert (result["code"], result["metrics"]) == (0, {"accuracy": 6}), result["err"]
    assert (mini.folder / "data" / "rows.csv").read_text() == ""


def test_B10_data_that_git_does_not_hold_is_moved_aside_and_put_back(mini: Mini):
    script = (
        "import json, os; json.dump({'accuracy': 1, 'data': sorted(os.listdir('data'))}, open('metrics.json', 'w'))"
    )
    prepare(mini, script)
    (mini.folder / "data" / "mine.csv").write_text("not yet in a release\n")
    result = mini.run("test")
    assert result["metrics"]["data"] == ["rows.csv"], result["err"]
    assert (mini.folder / "data" / "mine.csv").read_text() == "not yet in a release\n"


def test_B10_what_a_killed_run_left_aside_is_put_back_by_the_next_also_if_that_is_refused(mini: Mini):
    kill = "import os, psutil; psutil.Process(os.getppid()).parent().kill()"
    prepare(mini, kill)
    (mini.folder / "data" / "mine.csv").write_text("mine\n")
    assert mini.run("test")["code"] == -9
    assert not (mini.folder / "data" / "mine.csv").exists()
    (mini.folder / "train.py").write_text("changed\n")
    assert mini.run("test")["code"] == 4
    assert (mini.folder / "data" / "mine.csv").read_text() == "mine\n"


def test_B11_replaced_parameters_are_tested_and_the_file_is_put_back(mini: Mini):
    script = "import json; json.dump({'accuracy': 1, 'params': open('params.yaml').read()}, open('metrics.json', 'w'))"
    mini.commit(**{"evaluate.py": script})
    built = mini.build("--param", "seed=5")
    assert built["code"] == 0, built["err"]
    result = mini.run("test")
    assert result["code"] == 0, result["err"]
    assert "seed: 5" in result["metrics"]["params"]
    assert (mini.folder / "params.yaml").read_text() == "seed: 1\n"


def test_a_run_that_changes_the_release_fails(mini: Mini):
    script = "open('model/weights.safetensors', 'ab').write(b'!')\n" + EVALUATE.format(metrics="{'accuracy': 1}")
    prepare(mini, script)
    result = mini.run("test")
    assert result["code"] == 3
    assert "the run changed files of the release: model/weights.safetensors" in messages(result)


def test_metrics_inside_an_artifact_are_a_usage_error(mini: Mini):
    prepare(mini, "pass", more="  metrics: data/rows.csv\n")
    result = mini.run("test")
    assert result["code"] == 2
    assert (mini.folder / "data" / "rows.csv").exists()


def test_every_test_leaves_evidence_also_a_failed_one(mini: Mini):
    script = "import json, os; json.dump({'accuracy': 1 if os.path.exists('good') else 0}, open('metrics.json', 'w'))"
    prepare(mini, script)
    assert mini.run("test")["code"] == 3
    (mini.folder / "good").touch()
    assert mini.run("test")["code"] == 0
    assert [item.passed for item in evidence(mini)] == [False, True]


def test_the_teams_junit_file_is_published_and_a_missing_one_fails(mini: Mini):
    script = (
        "import os\n"
        + EVALUATE.format(metrics="{'accuracy': 1}")
        + "xml = '<testsuite><testcase name=\"mine\"/></testsuite>'\n"
        + "if not os.path.exists('no'): open('junit.xml', 'w').write(xml)"
    )
    prepare(mini, script, more="  junit: junit.xml\n")
    assert "mine" in cases(mini, mini.run("test"))
    (mini.folder / "no").touch()
    result = mini.run("test")
    assert result["code"] == 3
    assert "the run wrote no junit.xml" in messages(result)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--accept", "accuracy", "--reason", "r", "--as", "me"], "no gate of it against a baseline"),
        (["--accept", "drop", "--as", "me"], "needs a reason"),
        (["--accept", "drop", "--as", "me", "--reason", " "], "needs a reason"),
    ],
)
def test_T4_accepting_needs_a_relative_gate_and_a_reason(mini: Mini, arguments: list[str], says: str):
    environments = "serve: {command: sleep 1}\nenvironments: {production: {target: local, port: 18999}}\n"
    gates = "{accuracy: {min: 0.5}, drop: {max_drop: 1, baseline: production}}"
    prepare(mini, EVALUATE.format(metrics="{'accuracy': 1, 'drop': 1}"), gates, more=environments)
    result = mini.run("test", *arguments)
    assert result["code"] == 2
    assert says in messages(result)


def test_without_a_test_block_there_is_nothing_to_test(mini: Mini):
    text = (mini.folder / "model.yaml").read_text().split("test:")[0]
    mini.commit(**{"model.yaml": text})
    mini.build()
    result = mini.run("test")
    assert (result["code"], result["error"]["kind"]) == (2, "no-test")
