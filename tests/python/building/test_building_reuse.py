"""What a build takes from the store and what not: bytes that are gone, other branches' work, --force (B4–B8)."""

import subprocess
from pathlib import Path

import pytest

from mini_project import Mini
from model_devops.release.layout import LayoutStore


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def store_of(home: Path) -> LayoutStore:
    return LayoutStore(next(home.glob("stores/*/mini")))


def lose_model(home: Path, version: str) -> None:
    """Remove the weights of a release from the store, as a clean-up by hand would."""
    store = store_of(home)
    stored = store.find(version)
    for sha256, _ in store.files(stored, "model").values():
        (store.folder / "blobs" / "sha256" / sha256).unlink()


def whole(home: Path) -> None:
    store = store_of(home)
    assert [line for stored in store.releases() for line in store.verify(stored)] == []


def other_test_command(mini: Mini) -> None:
    text = (mini.folder / "model.yaml").read_text().replace("evaluate.py]\n  gates", "evaluate.py -v]\n  gates")
    mini.commit(**{"model.yaml": text})


def test_B4_a_release_whose_bytes_are_gone_is_built_again_and_is_whole_again(mini, home):
    first = ok(mini.build())
    lose_model(home, "1.0.0")
    again = ok(mini.build())
    assert (again["version"], again["new"], again["trained"]) == ("1.0.0", False, True)
    assert again["digest"] == first["digest"]
    whole(home)


def test_B5_training_whose_model_is_out_of_reach_is_done_again_and_said(mini, home):
    ok(mini.build())
    lose_model(home, "1.0.0")
    other_test_command(mini)
    built = ok(mini.build())
    assert (built["version"], built["trained"]) == ("1.1.0", True)
    assert any("out of reach: training again" in warning for warning in built["warnings"])
    whole(home)


def test_B8_a_pre_release_whose_bytes_are_gone_is_built_again(mini, home):
    first = ok(mini.build("--prerelease"))
    lose_model(home, first["version"])
    again = ok(mini.build("--prerelease"))
    assert (again["version"], again["trained"]) == (first["version"], True)
    whole(home)


def test_B5_skipped_training_is_said_and_moving_the_model_trains_again(mini):
    ok(mini.build())
    other_test_command(mini)
    assert any("training skipped: same inputs as 1.0.0" in warning for warning in ok(mini.build())["warnings"])
    text = (mini.folder / "model.yaml").read_text().replace("model: model/", "model: weights/model/")
    train = (mini.folder / "train.py").read_text().replace('"model', '"weights/model')
    train = train.replace("mkdir(exist_ok", "mkdir(parents=True, exist_ok")
    mini.commit(**{"model.yaml": text, "train.py": train, ".gitignore": "weights/\ntrained.log\nmetrics.json\n"})
    assert ok(mini.build())["trained"]


def test_B5_another_train_command_trains_again(mini):
    ok(mini.build())
    text = (mini.folder / "model.yaml").read_text().replace("train.py\ntest", "train.py --again\ntest")
    mini.commit(**{"model.yaml": text})
    built = ok(mini.build())
    assert (built["trained"], mini.trainings) == (True, 2)


def test_B4_force_trains_anew_and_the_same_bytes_are_the_same_release(mini):
    ok(mini.build())
    again = ok(mini.build("--force"))
    assert (again["version"], again["new"], again["trained"]) == ("1.0.0", False, True)
    other_test_command(mini)
    assert ok(mini.build("--force"))["trained"], "equal training is no reason to skip it either"


def test_B8_force_trains_a_pre_release_anew_and_its_name_stays(mini):
    first = ok(mini.build("--prerelease"))
    ok(mini.build())
    mini.commit("nothing that matters")
    again = ok(mini.build("--prerelease", "--force"))
    assert (again["version"], again["new"], again["trained"]) == (first["version"], False, True)


def test_B8_two_branches_have_pre_releases_of_their_own(mini, remote):
    versions = []
    for name in ("one", "two"):
        mini.git("checkout", "-q", "-b", name)
        mini.commit("nothing that matters")
        versions.append(ok(mini.build())["version"])
    assert ["-one-" in versions[0], "-two-" in versions[1]] == [True, True]


def test_B7_of_several_releases_of_an_old_commit_the_highest_is_returned(mini):
    old = mini.git("rev-parse", "HEAD")
    for seed in (2, 3):
        ok(mini.build("--param", f"seed={seed}"))
    mini.commit(**{"params.yaml": "seed: 7\n"})
    ok(mini.build())
    mini.git("checkout", "-q", "-B", "main", old)
    assert ok(mini.build())["version"] == "1.0.1"


def test_B6_an_ignored_file_of_the_code_is_named(mini):
    text = (
        (mini.folder / "model.yaml").read_text().replace("[train.py, evaluate.py]", "[train.py, evaluate.py, own.py]")
    )
    mini.commit(**{"model.yaml": text, ".gitignore": "model/\ntrained.log\nmetrics.json\nown.py\n"})
    (mini.folder / "own.py").write_text("# mine\n")
    built = ok(mini.build())
    assert [warning for warning in built["warnings"] if "own.py is ignored by git" in warning]


def test_B6_what_requirements_include_must_be_the_commits_too(mini):
    text = (mini.folder / "model.yaml").read_text()
    model = text.replace("train:", "  runtime: {file: requirements.txt, use: as-is}\ntrain:", 1)
    mini.commit(**{"model.yaml": model, "requirements.txt": "-r more.txt\n", "more.txt": "# one\n"})
    (mini.folder / "more.txt").write_text("# two\n")
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [problem["file"] for problem in refused["error"]["problems"]] == ["more.txt"]


def test_B6_code_in_a_submodule_must_be_what_the_commit_names(mini, tmp_path):
    library = tmp_path / "library"
    subprocess.run(["git", "init", "-q", str(library)], check=True)
    (library / "helper.py").write_text("one = 1\n")
    for words in (["add", "helper.py"], ["commit", "-qm", "begin"]):
        subprocess.run(["git", *words], cwd=library, check=True)
    mini.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "library")
    text = (mini.folder / "model.yaml").read_text()
    mini.commit(**{"model.yaml": text.replace("code: [train.py,", "code: [library/helper.py, train.py,")})
    assert mini.build()["version"] == "1.0.0"
    (mini.folder / "library" / "helper.py").write_text("one = 2\n")
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [problem["file"] for problem in refused["error"]["problems"]] == ["library"]
    subprocess.run(["git", "commit", "-qam", "in the submodule alone"], cwd=mini.folder / "library", check=True)
    assert mini.build()["error"]["kind"] == "dirty", "the model's commit still names the old one"


@pytest.mark.parametrize("name", ["params.yaml", "model.yaml"])
def test_B6_params_and_model_yaml_that_git_does_not_know_are_refused(mini, name):
    mini.git("rm", "-q", "--cached", name)
    mini.git("commit", "-qm", "no longer in git")
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [(one["message"], one["file"]) for one in refused["error"]["problems"]] == [("is not in git", name)]


def test_B6_an_output_of_train_that_git_holds_may_be_missing(mini):
    mini.commit(**{".gitignore": "trained.log\n", "model__old_dot_txt": "kept in git by mistake\n"})
    (mini.folder / "model" / "old.txt").unlink()
    assert ok(mini.build())["version"] == "1.0.0"


def test_outputs_that_git_holds_stay_in_place_while_training_runs(mini):
    train = (mini.folder / "train.py").read_text() + "assert open('model/card.txt').read() == 'about it'\n"
    mini.commit(**{".gitignore": "trained.log\nmodel/weights.safetensors\n", "train.py": train})
    mini.commit(model__card_dot_txt="about it")
    assert ok(mini.build())["version"] == "1.0.0"


def test_B2_training_that_changes_what_it_was_given_releases_nothing(mini):
    train = (mini.folder / "train.py").read_text() + "open('data/rows.csv', 'a').write('4')\n"
    mini.commit(**{"train.py": train})
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (3, "inputs-changed")
    assert "dataset" in refused["error"]["message"]
    assert mini.git("tag", "--list") == ""


def test_B6_an_untracked_file_of_the_code_is_refused(mini):
    text = (mini.folder / "model.yaml").read_text().replace("[train.py, evaluate.py]", '["*.py"]')
    mini.commit(**{"model.yaml": text})
    (mini.folder / "own.py").write_text("# mine\n")
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [(item["file"], item["hint"]) for item in refused["error"]["problems"]] == [("own.py", "git add own.py")]


@pytest.mark.parametrize(
    ("name", "content", "pairs", "expected"),
    [
        ("params.yaml", "b: 1\na: {x: 1}\n", ["a.x=2", "b=two"], "a:\n  x: 2\nb: two\n"),
        ("params.yaml", "a.x: 1\na: {x: 1}\n", ["a.x=2"], "a:\n  x: 1\na.x: 2\n"),
        ("params.yaml", "day: 1\n", ["day=2026-01-01"], "day: '2026-01-01'\n"),
        ("params.json", '{"b": 1, "a": "ü"}', ["b=[1, null]"], '{\n  "a": "ü",\n  "b": [\n    1,\n    null\n  ]\n}\n'),
    ],
)
def test_B11_values_are_set_where_they_are_and_names_are_sorted(tmp_path, name, content, pairs, expected):
    from model_devops.building.params import parse, rewrite

    assert rewrite(content.encode(), parse(tuple(pairs)), tmp_path / name).decode() == expected


@pytest.mark.parametrize("text", ["- 1\n", "a: [\n"])
def test_B11_a_params_file_without_names_is_a_usage_error(mini, text):
    mini.commit(**{"params.yaml": text})
    refused = mini.build("--param", "a=1")
    assert refused["code"] == 2, refused["err"]
    assert "params.yaml" in refused["error"]["message"]
    assert (mini.folder / "params.yaml").read_text() == text


def test_B11_a_name_that_is_not_there_is_refused_at_any_depth_with_those_that_are(mini):
    mini.commit(**{"params.yaml": "seed: 1\nopt: {rate: 0.1}\n"})
    refused = mini.build("--param", "sede=2", "--param", "opt.rat=0.2", "--param", "seed.x=3")
    assert (refused["code"], refused["error"]["kind"]) == (2, "usage")
    found = {problem["message"]: problem["allowed"] for problem in refused["error"]["problems"]}
    assert found == {
        "there is no parameter 'sede'": ["seed", "opt"],
        "there is no parameter 'opt.rat'": ["rate"],
        "there is no parameter 'seed.x'": ["seed", "opt"],
    }
    assert mini.git("status", "--porcelain") == ""


def test_B11_what_is_no_yaml_is_text(mini):
    mini.commit(**{"params.yaml": "seed: 1\nnote: none\n"})
    built = mini.build("--param", "note=[a, b")
    assert built["code"] == 0, built["err"]
    shown = mini.run("release", "show", built["version"])
    [said] = [item["body"] for item in shown["evidence"] if item["kind"] == "built"]
    assert said["parameters"] == {"note": "[a, b"}


@pytest.mark.parametrize("pair", ["=1", "seed"])
def test_B11_what_is_no_pair_is_a_usage_error(mini, pair):
    refused = mini.build("--param", pair)
    assert (refused["code"], len(refused["error"]["problems"])) == (2, 1)
    assert "NAME=VALUE" in refused["error"]["problems"][0]["message"]


def test_C1_what_was_ignored_is_kept_with_the_release(mini):
    text = (mini.folder / "model.yaml").read_text()
    mini.commit(**{"model.yaml": text + 'ignore: ["*.tmp"]\n', "data__x.tmp": "1\n"})
    ok(mini.build())
    ok(mini.run("verify", "1.0.0"))
    mini.commit(**{"model.yaml": text})
    differs = mini.run("verify", "1.0.0")
    assert (differs["code"], differs["error"]["kind"]) == (4, "differs")
    assert "changed: `ignore` of model.yaml" in [item["message"] for item in differs["error"]["problems"]]
