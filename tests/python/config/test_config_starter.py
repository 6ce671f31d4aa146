"""`init`: what it writes for a folder is in order as it is, and nothing is overwritten."""

import json
import pickle
import re
import subprocess
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from model_devops.checks.model import check_model
from model_devops.cli.main import run
from model_devops.config import views
from model_devops.config.load import Loaded, load
from model_devops.config.look import look, slug
from model_devops.config.starter import start
from model_devops.errors import UsageError


def put(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")


def weights(folder: Path, name: str) -> None:
    put(folder, name)
    if name.endswith(".safetensors"):
        save_file({"w": numpy.zeros(2, dtype="float32")}, folder / name)
    elif name.endswith((".pkl", ".joblib", ".pt")):
        (folder / name).write_bytes(pickle.dumps([1]))
    elif name.endswith("MLmodel"):
        (folder / name).write_text(
            "flavors:\n  python_function: {env: {conda: conda.yaml}}\n  sklearn:\n    pickled_model: model.pkl\n"
        )


def started(folder: Path) -> Loaded:
    """Run `init`, and read what it wrote."""
    assert run(["init", str(folder)]) == 0
    return load(folder / "model.yaml")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("files", "patterns", "allowed"),
    [
        (["model/w.safetensors", "model/config.json"], ["model/"], []),
        (["w.safetensors", "other.safetensors"], ["other.safetensors", "w.safetensors"], []),
        (["out/net.onnx"], ["out/"], []),
        (["model.joblib"], ["model.joblib"], ["model.joblib"]),
        (["model/clf.pkl", "model/deep/scaler.joblib"], ["model/"], ["clf.pkl", "deep/scaler.joblib"]),
        (["net.pt"], ["net.pt"], ["net.pt"]),
        (["mlmodel/MLmodel", "mlmodel/model.pkl", "mlmodel/conda.yaml"], ["mlmodel/"], ["model.pkl"]),
        (["MLmodel", "model.pkl", "conda.yaml", "notes.txt"], ["MLmodel", "conda.yaml", "model.pkl"], ["model.pkl"]),
        (["model/w.safetensors", "old.pkl"], ["model/"], []),
        (["weights/plain.dat"], ["weights/"], []),
        (["model/net.gguf"], ["model/"], []),
        (["data/w.safetensors"], ["model/"], []),
        (["a b/w 1.onnx"], ["a b/"], []),
        (["1.10/w.onnx"], ["1.10/"], []),
        (["on.onnx", "größe.onnx"], ["größe.onnx", "on.onnx"], []),
        ([], ["model/"], []),
    ],
)
def test_weights_are_found_and_those_that_can_run_code_are_allowed_by_name(
    files: list[str], patterns: list[str], allowed: list[str], tmp_path: Path
) -> None:
    for name in files:
        weights(tmp_path, name)
    model = started(tmp_path).model
    assert sorted(views.artifact_patterns(model)["model"]) == sorted(patterns)
    assert views.check_block(model).allow == allowed


def test_what_is_allowed_passes_the_check_of_the_model(tmp_path: Path) -> None:
    weights(tmp_path, "model/clf.pkl")
    weights(tmp_path, "model/deep/scaler.joblib")
    model = started(tmp_path).model
    files = {name: tmp_path / "model" / name for name in ("clf.pkl", "deep/scaler.joblib")}
    assert not check_model(files, views.check_block(model).allow)
    assert check_model(files, [])
    assert "Allow only what you have made yourselves" in (tmp_path / "model.yaml").read_text()


def test_a_whole_project_gets_the_whole_flow(repo: Path) -> None:
    put(repo, "data/a.csv", "requirements.txt", "params.yaml", "train.py", "evaluate.py", "setup.py", "test_x.py")
    weights(repo, "model/w.safetensors")
    (repo / "serve.py").write_text('if path == "/healthz": ...\nelif path == "/model": reply({"digest": d})\n')
    (repo / "metrics.json").write_text('{"accuracy": 0.97, "latency_ms": 3, "note": "x", "ok": true}')
    model = started(repo).model
    assert model.artifacts.code == ["evaluate.py", "serve.py", "train.py"]
    assert (model.artifacts.dataset, model.artifacts.params) == ("data/", "params.yaml")
    assert model.train == "python train.py"
    assert model.test is not None
    assert model.serve is not None
    assert (model.serve.ready, model.serve.digest) == ("/healthz", "/model")
    assert model.environments["production"].requires == ["tested", "deployed:test"]
    assert "# accuracy: {min: 0.97}\n  # latency_ms: {max: 3}\n" in (repo / "model.yaml").read_text()
    steps = re.findall(r"model[A-Z]\w+", (repo / "Jenkinsfile").read_text())
    assert steps == ["modelBuild", "modelTest", "modelDeploy", "modelApprove", "modelDeploy"]


def test_a_folder_without_a_server_gets_no_stage_that_would_fail(tmp_path: Path) -> None:
    weights(tmp_path, "w.onnx")
    assert not started(tmp_path).model.environments
    assert re.findall(r"model[A-Z]\w+", (tmp_path / "Jenkinsfile").read_text()) == ["modelBuild"]


def test_the_jenkinsfile_holds_no_agent_while_a_person_decides(tmp_path: Path) -> None:
    put(tmp_path, "serve.py")
    started(tmp_path)
    text = (tmp_path / "Jenkinsfile").read_text()
    assert text.count("@Library('model-devops') _\n") == 1
    assert "\n    agent none\n" in text
    assert text.count("{") == text.count("}")
    assert all(line.count("{") <= 1 or "expression" in line for line in text.splitlines())
    approve = text[text.index("stage('Approve')") : text.index("stage('Deploy to production')")]
    assert "agent" not in re.sub(r"//.*", "", approve)


def test_scripts_below_are_found_and_many_become_a_glob(tmp_path: Path) -> None:
    put(tmp_path, "src/train_model.py", "scripts/eval.py", *[f"m{n}.py" for n in range(13)])
    model = started(tmp_path).model
    assert model.train == "python3 src/train_model.py"
    assert model.test is not None
    assert model.test.run == ["python3 scripts/eval.py"]
    assert model.artifacts.code == ["*.py", "scripts/", "src/"]


def test_a_script_with_odd_characters_is_quoted_for_the_shell(tmp_path: Path) -> None:
    put(tmp_path, "train it's: {now}.py")
    assert started(tmp_path).model.train == "python3 'train it'\"'\"'s: {now}.py'"


def test_what_no_pattern_can_name_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "train[1].py", "a*.py", "ok.py", "bad\n.py")
    (tmp_path / "link.py").symlink_to("ok.py")
    assert started(tmp_path).model.artifacts.code == "ok.py"


def test_the_name_comes_from_the_remote(bare_remote: Path, repo: Path) -> None:
    assert started(repo).model.name == "remote"
    assert look(repo).remote == str(bare_remote)


def test_a_folder_of_a_monorepo_has_a_name_and_a_pipeline_of_its_own(repo: Path) -> None:
    put(repo / "models/Spam Filter", "serve.py")
    model = started(repo / "models/Spam Filter").model
    assert model.name == "spam-filter"
    text = (repo / "models/Spam Filter/Jenkinsfile").read_text()
    assert "modelBuild(file: 'models/Spam Filter/model.yaml')" in text
    assert "modelDeploy(environment: 'test', file: 'models/Spam Filter/model.yaml')" in text


@pytest.mark.parametrize(
    ("text", "name"),
    [("Übung 1", "ubung-1"), ("___", "model"), ("日本", "model"), ("a" * 60, "a" * 40), ("a" * 39 + " b", "a" * 39)],
)
def test_any_text_becomes_a_name(text: str, name: str) -> None:
    assert slug(text) == name


@pytest.mark.parametrize("folder", ["日本 x", "it's", "1.10", "on", "a'b\\c"])
def test_any_folder_gets_files_that_are_in_order(folder: str, repo: Path) -> None:
    (repo / folder).mkdir()
    put(repo / folder, "serve.py", "evaluate.py")
    assert started(repo / folder).model.serve


def test_nothing_is_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.yaml").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "model.yaml").read_text() == "mine"
    assert not (tmp_path / "Jenkinsfile").exists()


def test_a_jenkinsfile_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Jenkinsfile").write_text("mine")
    assert run(["--json", "init", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["written"] == [str(tmp_path / "model.yaml")]
    assert "Jenkinsfile is there already" in result["warnings"][0]
    assert (tmp_path / "Jenkinsfile").read_text() == "mine"


def test_force_replaces_both(tmp_path: Path) -> None:
    for name in ("model.yaml", "Jenkinsfile"):
        (tmp_path / name).write_text("mine")
    assert run(["init", str(tmp_path), "--force"]) == 0
    assert load(tmp_path / "model.yaml").model
    assert "mine" not in (tmp_path / "Jenkinsfile").read_text()


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        start(tmp_path / "nothing")


def test_it_says_what_it_saw_and_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights(tmp_path, "clf.pkl")
    assert run(["init", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "model: scikit-learn, joblib or pickle in clf.pkl" in shown
    assert "no git repository" in shown
    assert "git init" in shown
    assert "read what check.allow says" in shown
    assert "commit model.yaml, Jenkinsfile and what model.yaml names" in shown


def test_an_odd_metrics_file_is_no_obstacle(tmp_path: Path) -> None:
    put(tmp_path, "evaluate.py")
    for text in ('{"a": 1e999, "b": ' + "9" * 500 + "}", "[" * 100_000, "[1]", "\xff", '{"a: b": 1}'):
        (tmp_path / "metrics.json").write_text(text)
        assert not look(tmp_path).gates


def test_a_file_that_is_allowed_may_have_any_name(tmp_path: Path) -> None:
    weights(tmp_path, "model/clf[1]*.pkl")
    weights(tmp_path, "model/net.onnx")
    model = started(tmp_path).model
    assert not check_model({"clf[1]*.pkl": tmp_path / "model/clf[1]*.pkl"}, views.check_block(model).allow)


def test_what_lies_near_is_found_beside_a_folder_of_very_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_devops.config.look._MOST_FILES", 20)
    put(tmp_path, *[f"images/{n}.jpg" for n in range(30)], "train.py")
    weights(tmp_path, "a/w.onnx")
    model = started(tmp_path).model
    assert (model.artifacts.model, model.artifacts.code) == ("a/", "train.py")


def test_of_several_scripts_the_others_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "train_big.py", "train_old.py", "src/train.py", "serve.py")
    assert run(["init", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "train: train_big.py (there is also train_old.py, src/train.py)\n" in shown
    assert "serve: serve.py\n" in shown
    assert "see that model.yaml names the right scripts: train\n" in shown


def test_the_pipeline_releases_the_default_branch_whatever_is_checked_out(
    bare_remote: Path, repo: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(repo, "clone", str(bare_remote), str(clone))
    git(clone, "switch", "-c", "feature/init")
    put(clone, "serve.py")
    started(clone)
    assert "in [null, 'main']" in (clone / "Jenkinsfile").read_text()


@pytest.mark.parametrize(
    ("source", "model", "allow"),
    [
        ("torch.save(net, 'out/net.pt')", "out/", ["net.pt"]),
        ('joblib.dump(clf, "clf.joblib")\njoblib.dump(scaler, "scaler.joblib")', ["clf.joblib", "scaler.joblib"], None),
        ("save(net, 'a/net.safetensors')\ntorch.save(net, 'old/net.pt')", "a/", []),
        ("# joblib.dump(clf, 'old.joblib')", "model/", []),
        ("dump(clf, os.path.join('out', 'clf.joblib'))", "model/", []),
        ("dump(clf, FOLDER / 'clf.joblib')", "model/", []),
        ("dump(clf, Path('out', 'clf.joblib'))", "model/", []),
        ("dump(clf, '/srv/clf.joblib')\ndump(clf, '../clf.joblib')\ndump(clf, f'{out}.joblib')", "model/", []),
    ],
)
def test_where_training_will_write_is_read_from_its_script(
    source: str, model: str | list[str], allow: list[str] | None, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(source)
    written = started(tmp_path).model
    assert written.artifacts.model == model
    assert views.check_block(written).allow == (model if allow is None else allow)
