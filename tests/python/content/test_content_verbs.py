"""`hash` and `verify`, by the real command."""

import shutil
import subprocess

import pytest

from model_devops.content.digest import digest
from model_devops.content.hashing import hash_files


def problems(result):
    return [problem["message"] for problem in result["error"]["problems"]]


def test_hash_names_artifacts_files_and_folders(mini):
    found = mini.run("hash", "dataset", "./data", "params.yaml")
    assert found["code"] == 0, found["err"]
    expected = digest(hash_files({"rows.csv": mini.folder / "data/rows.csv"}))
    assert found["digests"]["dataset"] == found["digests"]["./data"] == expected
    assert found["digests"]["params.yaml"] == digest(hash_files({"params.yaml": mini.folder / "params.yaml"}))


def test_hash_without_arguments_hashes_every_artifact_and_names_all_that_is_wrong(mini):
    (mini.folder / "params.yaml").unlink()
    found = mini.run("hash")
    assert found["code"] == 2
    assert [message.split(":")[0] for message in problems(found)] == ["model", "params"]
    absent = mini.run("hash", "no-such-thing")
    assert (absent["code"], problems(absent)) == (2, ["there is no no-such-thing"])
    assert absent["error"]["problems"][0]["allowed"] == ["model", "dataset", "code", "params"]


def test_hash_works_on_a_folder_without_model_yaml(mini):
    (mini.folder / "model.yaml").unlink()
    assert mini.run("hash", "data")["code"] == 0
    missing = mini.run("hash")
    assert missing["error"]["kind"] == "no-model-yaml"
    assert str(mini.folder / "model.yaml") in missing["error"]["message"], "a CI's log doesn't show where it was run"


def test_C2_hash_refuses_a_symlink(mini):
    (mini.folder / "data/link").symlink_to("rows.csv")
    (mini.folder / "alias").symlink_to("data")
    assert "data/link is a symlink" in mini.run("hash", "dataset")["err"]
    assert mini.run("hash", "alias")["code"] == 2


def test_files_list_is_what_sha256sum_checks_and_verify_takes(mini, tmp_path):
    shown = subprocess.run(
        [*mini_command(), "hash", "--files", "data"], cwd=mini.folder, check=True, capture_output=True, text=True
    ).stdout
    listed = tmp_path / "list"
    listed.write_text(shown)
    subprocess.run(["sha256sum", "--check", "--strict", listed], cwd=mini.folder / "data", check=True)
    assert mini.run("verify", "data", "--against", str(listed))["files"] == 1
    (mini.folder / "data/new").touch()
    (mini.folder / "data/rows.csv").write_text("9\n2\n3\n")
    found = mini.run("verify", "data", "--against", str(listed))
    assert (found["code"], found["error"]["kind"]) == (4, "differs")
    assert problems(found) == ["changed: rows.csv", "added: new"]
    assert "No such file" in mini.run("verify", "data", "--against", str(tmp_path / "none"))["err"]
    listed.write_bytes(b"\xff\xfe")
    assert "it is no UTF-8 text" in mini.run("verify", "data", "--against", str(listed))["err"]
    listed.write_text("nonsense\n" + shown + shown)
    assert mini.run("verify", "data", "--against", str(listed))["error"]["kind"] == "digest-list"


def mini_command():
    import sys

    return [sys.executable, "-m", "model_devops"]


@pytest.fixture
def built(mini):
    assert mini.build()["code"] == 0
    return mini


def test_verify_holds_for_what_was_built(built):
    found = built.run("verify", "1.0.0")
    assert found["code"] == 0, found["err"]
    assert found["release"]["version"] == "1.0.0"
    assert found["files"] == 5
    assert built.run("verify")["code"] == 0


def test_verify_names_each_changed_missing_and_added_file_of_all_artifacts(built):
    weights = built.folder / "model/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    (built.folder / "data/more.csv").touch()
    (built.folder / "evaluate.py").unlink()
    text = (built.folder / "model.yaml").read_text()
    (built.folder / "model.yaml").write_text(text.replace("code: [train.py, evaluate.py]", 'code: ["*.py"]'))
    found = built.run("verify", "1.0.0")
    assert (found["code"], found["error"]["kind"]) == (4, "differs")
    assert set(problems(found)) == {
        "model: changed: model/weights.safetensors",
        "dataset: added: data/more.csv",
        "code: missing: evaluate.py",
    }


def test_verify_names_a_model_that_is_not_here_and_a_changed_command(built):
    shutil.rmtree(built.folder / "model")
    text = (built.folder / "model.yaml").read_text()
    (built.folder / "model.yaml").write_text(text.replace("train.py\n", "train.py --fast\n", 1))
    found = built.run("verify", "1.0.0")
    assert "model: missing: model/weights.safetensors" in problems(found)
    assert any(message.startswith("recipe: changed") for message in problems(found))


def test_B3_verify_counts_what_requirements_include_to_the_runtime(mini):
    text = (mini.folder / "model.yaml").read_text()
    runtime = "  runtime: {file: needs/requirements.txt, use: as-is}\ntrain:"
    files = {"model.yaml": text.replace("train:", runtime, 1), "needs__requirements.txt": "-r more.txt\n"}
    mini.commit(**files, needs__more_dot_txt="# one\n")
    assert mini.build()["code"] == 0
    found = mini.run("verify", "1.0.0")
    assert found["code"] == 0, found["err"]
    (mini.folder / "needs" / "more.txt").write_text("# two\n")
    assert problems(mini.run("verify", "1.0.0")) == ["runtime: changed: the requirements as written"]
    (mini.folder / "needs" / "requirements.txt").unlink()
    assert problems(mini.run("verify", "1.0.0")) == ["runtime: changed: the requirements as written"]


def test_verify_of_an_unknown_release_says_where_it_looked(built):
    found = built.run("verify", "9.9.9")
    assert found["code"] == 4
    assert found["error"]["kind"] == "not-in-store"
