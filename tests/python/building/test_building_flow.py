"""Builds by the real command on real repositories (B, V)."""

import json
import signal

import pytest

from mini_project import clone
from model_devops import faults


def test_V1_first_release_is_1_0_0_and_its_tag_carries_the_record(mini):
    result = mini.build()
    assert result["code"] == 0, result["err"]
    assert (result["version"], result["new"], result["trained"]) == ("1.0.0", True, True)
    message = mini.git("for-each-ref", "--format=%(contents)", "refs/tags/mini@v1.0.0")
    record = next(json.loads(line) for line in message.splitlines() if line.startswith("{"))
    assert record["version"] == "1.0.0"
    assert result["digest"] in message
    assert record["commit"] == mini.git("rev-parse", "HEAD")


def test_B4_unchanged_build_returns_the_release_without_training(mini):
    first = mini.build()
    mini.commit("nothing that matters", **{"README.md": "hello"})
    second = mini.build()
    assert (second["version"], second["new"], second["trained"]) == ("1.0.0", False, False)
    assert second["digest"] == first["digest"]
    assert mini.trainings == 1


@pytest.mark.parametrize(
    ("files", "version", "reason"),
    [
        ({"data__rows.csv": "1\n2\n"}, "1.1.0", "dataset changed"),
        ({"evaluate.py": "# other\n"}, "1.1.0", "code changed"),
        ({"params.yaml": "seed: 7\n"}, "1.0.1", "parameters changed"),
    ],
)
def test_V1_level_follows_what_changed(mini, files, version, reason):
    mini.build()
    mini.commit(**files)
    result = mini.build()
    assert result["version"] == version, result["err"]
    assert reason in [item["text"] for item in result["release"]["reasons"]]


def test_B4_a_revert_is_a_new_version_of_the_old_bytes(mini):
    first = mini.build()
    mini.commit(**{"params.yaml": "seed: 7\n"})
    assert mini.build()["version"] == "1.0.1"
    mini.run("test")
    mini.commit(**{"params.yaml": "seed: 1\n"})
    third = mini.build()
    assert third["version"] == "1.0.2", third["err"]
    assert third["release"]["identity"] == first["release"]["identity"]
    assert "the bytes of 1.0.0 again" in [item["text"] for item in third["release"]["reasons"]]


def test_B5_training_is_skipped_where_only_the_recipe_of_tests_changed(mini):
    mini.build()
    text = (mini.folder / "model.yaml").read_text().replace("evaluate.py]\n  gates", "evaluate.py -v]\n  gates")
    mini.commit(**{"model.yaml": text})
    result = mini.build()
    assert (result["version"], result["new"], result["trained"]) == ("1.1.0", True, False), result["err"]


def test_B4_the_same_commands_in_a_mapping_are_the_same_and_its_timeout_ends_them(mini):
    mini.build()
    text = (mini.folder / "model.yaml").read_text()
    command = text.partition("train: ")[2].partition("\n")[0]
    mini.commit(**{"model.yaml": text.replace(f"train: {command}", f"train:\n  run: [{command}]\n  timeout: 1s")})
    assert (mini.build()["new"], mini.trainings) == (False, 1)
    slow = "import time; time.sleep(60)\n"
    mini.commit(**{"train.py": slow})
    failed = mini.build()
    assert failed["code"] == 3, failed["err"]
    assert "training failed: " in failed["error"]["message"]
    assert "was ended after its time limit" in failed["error"]["message"]
    assert (mini.folder / "model" / "weights.safetensors").exists(), "what was there before is back"


def test_B6_a_dirty_tree_is_refused_and_can_be_built_as_a_prerelease(mini):
    (mini.folder / "train.py").write_text((mini.folder / "train.py").read_text() + "# changed\n")
    (mini.folder / "data" / "new.csv").write_text("1\n")
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [item["file"] for item in refused["error"]["problems"]] == ["train.py"]
    assert "--prerelease" in refused["error"]["hint"]
    built = mini.build("--prerelease")
    assert built["version"].startswith("1.0.0-main-"), built["err"]
    assert not mini.git("tag", "--list")


def test_B6_a_deleted_tracked_file_is_refused(mini):
    mini.commit(**{"data__more.csv": "1\n"})
    (mini.folder / "data" / "more.csv").unlink()
    refused = mini.build()
    assert (refused["code"], refused["error"]["kind"]) == (4, "dirty")
    assert [item["file"] for item in refused["error"]["problems"]] == ["data/more.csv"]


def test_V1_a_person_raises_the_level_with_a_reason_only(mini):
    mini.build()
    mini.commit(**{"params.yaml": "seed: 7\n"})
    assert mini.build("--at-least", "major")["code"] == 2
    assert mini.trainings == 1
    raised = mini.build("--at-least", "major", "--reason", "a new sensor")
    assert (raised["version"], raised["warnings"]) == ("2.0.0", []), raised["err"]
    again = mini.build("--at-least", "major", "--reason", "a new sensor")
    assert (again["version"], again["new"]) == ("2.0.0", False)
    assert again["warnings"] == ["--at-least major raised nothing: this is 2.0.0 already"]


def test_S6_a_build_that_yields_a_revoked_identity_is_refused(mini):
    mini.build()
    assert mini.run("release", "revoke", "1.0.0", "--reason", "leaked data")["code"] == 0
    again = mini.build()
    assert (again["code"], again["error"]["kind"]) == (4, "revoked"), again["err"]


def test_S6_a_revert_to_what_was_revoked_is_refused_although_it_lies_below_the_base(mini):
    mini.build()
    mini.run("release", "revoke", "1.0.0", "--reason", "leaked data")
    mini.commit(**{"params.yaml": "seed: 7\n"})
    mini.build()
    assert mini.run("test")["code"] == 0
    mini.commit(**{"params.yaml": "seed: 1\n"})
    again = mini.build()
    assert (again["code"], again["error"]["kind"]) == (4, "revoked"), again["err"]
    assert mini.git("tag", "--list").split() == ["mini@v1.0.0", "mini@v1.0.1"]


def test_B5_the_weights_of_a_revoked_release_are_not_taken(mini):
    mini.build()
    mini.run("release", "revoke", "1.0.0", "--reason", "leaked data")
    text = (mini.folder / "model.yaml").read_text().replace("evaluate.py]\n  gates", "evaluate.py -v]\n  gates")
    mini.commit(**{"model.yaml": text})
    built = mini.build()
    assert (built["version"], built["trained"]) == ("1.1.0", True), built["err"]


def test_V6_a_name_that_another_model_yaml_uses_is_refused(mini):
    mini.build()
    mini.git("mv", "model.yaml", "other.yaml")
    mini.commit("moved")
    taken = mini.build("-f", "other.yaml")
    assert (taken["code"], taken["error"]["kind"]) == (4, "name-taken")
    mini.commit(**{"other.yaml": (mini.folder / "other.yaml").read_text() + "moved_from: model.yaml\n"})
    assert mini.build("-f", "other.yaml")["code"] == 0


def test_B9_a_later_step_takes_what_this_build_url_built(mini):
    jenkins = {"JENKINS_URL": "http://ci/", "BUILD_URL": "http://ci/job/1/", "BRANCH_NAME": "main"}
    first = mini.build("--param", "seed=2", **jenkins)
    second = mini.build("--param", "seed=3")
    assert (first["version"], second["version"]) == ("1.0.0", "1.0.1"), second["err"]
    undecided = mini.run("test")
    assert (undecided["code"], undecided["error"]["kind"]) == (4, "several-built")
    assert "--release 1.0.1 " in undecided["error"]["hint"]
    tested = mini.run("test", **jenkins)
    assert tested["release"]["version"] == "1.0.0", tested["err"]


def test_B9_a_restarted_build_takes_what_the_first_one_built(mini):
    jenkins = {"JENKINS_URL": "http://ci/", "BRANCH_NAME": "main"}
    for number, seed in ((1, 2), (2, 3)):
        mini.build("--param", f"seed={seed}", **jenkins, BUILD_URL=f"http://ci/job/{number}/")
    restarted = {**jenkins, "BUILD_URL": "http://ci/job/3/", "MODEL_DEVOPS_RESTARTED_FROM": "http://ci/job/1/"}
    tested = mini.run("test", **restarted)
    assert tested["release"]["version"] == "1.0.0", tested["err"]


def test_B9_what_this_build_url_built_from_another_commit_is_not_taken(mini):
    jenkins = {"JENKINS_URL": "http://ci/", "BUILD_URL": "http://ci/job/1/", "BRANCH_NAME": "main"}
    mini.build(**jenkins)
    mini.commit("nothing that matters")
    refused = mini.run("test", **jenkins)
    assert (refused["code"], refused["error"]["kind"]) == (4, "nothing-built")


def test_B9_a_build_that_made_nothing_new_says_so_for_later_steps(mini):
    mini.build()
    mini.commit("nothing that matters")
    assert mini.run("test")["error"]["kind"] == "nothing-built"
    assert mini.build()["new"] is False
    assert mini.run("test")["release"]["version"] == "1.0.0"


def test_B9_two_builds_of_one_release_are_not_several(mini):
    mini.build()
    assert mini.build()["new"] is False
    tested = mini.run("test")
    assert tested["release"]["version"] == "1.0.0", tested["err"]


def test_B8_detached_head_without_remote_makes_a_prerelease_once(mini):
    mini.git("checkout", "-q", "--detach")
    first, second = mini.build(), mini.build()
    assert "-" in first["version"], first["err"]
    assert (second["version"], second["new"]) == (first["version"], False)
    assert mini.trainings == 1


def test_B8_a_prerelease_of_what_is_released_already_says_that_nothing_differs(mini):
    assert mini.build()["version"] == "1.0.0"
    mini.git("checkout", "-q", "--detach")
    same = mini.build()
    assert same["version"].startswith("1.0.1-detached-"), same["err"]
    assert same["trained"] is False
    assert [reason["text"] for reason in same["release"]["reasons"]] == ["nothing differs from 1.0.0"]


def test_B7_an_old_commit_rebuilt_returns_its_own_release(mini):
    old = mini.git("rev-parse", "HEAD")
    first = mini.build()
    mini.commit(**{"params.yaml": "seed: 7\n"})
    mini.build()
    mini.git("checkout", "-q", "-B", "main", old)
    again = mini.build()
    assert (again["version"], again["new"], again["digest"]) == ("1.0.0", False, first["digest"]), again["err"]


def test_B7_a_late_build_of_an_older_commit_is_superseded(mini):
    mini.build()
    old = mini.commit(**{"params.yaml": "seed: 7\n"})
    mini.commit(**{"params.yaml": "seed: 8\n"})
    mini.build()
    mini.git("checkout", "-q", "-B", "main", old)
    late = mini.build()
    assert (late["code"], late["error"]["kind"]) == (4, "superseded")


def test_B11_parameters_replace_values_for_the_build_only(mini):
    result = mini.build("--param", "seed=5")
    assert result["code"] == 0, result["err"]
    assert (mini.folder / "params.yaml").read_text() == "seed: 1\n"
    again = mini.build("--param", "seed=6")
    assert again["version"] == "1.0.1"
    unknown = mini.build("--param", "sed=5", "--param", "nothing")
    assert unknown["code"] == 2


def test_B11_the_params_file_is_put_back_after_a_killed_build(mini):
    done = mini.build("--param", "seed=5", MODEL_DEVOPS_CRASH_AT="build.after-params")
    assert done["code"] == -signal.SIGKILL
    assert (mini.folder / "params.yaml").read_text() != "seed: 1\n"
    assert mini.build()["version"] == "1.0.0"
    assert (mini.folder / "params.yaml").read_text() == "seed: 1\n"


def test_failed_training_releases_nothing_and_keeps_the_old_model(mini):
    mini.build()
    before = (mini.folder / "model" / "weights.safetensors").read_bytes()
    mini.commit(**{"train.py": "import sys; sys.exit('no data today')\n"})
    failed = mini.build()
    assert (failed["code"], failed["error"]["kind"]) == (3, "train-failed")
    assert (mini.folder / "model" / "weights.safetensors").read_bytes() == before
    assert mini.git("tag", "--list") == "mini@v1.0.0"


def test_training_that_writes_nothing_is_no_model_even_over_an_old_one(mini):
    mini.build()
    mini.commit(**{"train.py": "pass\n"})
    assert mini.build()["error"]["kind"] == "no-model"


def test_a_folder_of_weights_is_named_with_a_slash(mini):
    text = (mini.folder / "model.yaml").read_text()
    mini.commit(**{"model.yaml": text.replace("model: model/", "model: model")})
    failed = mini.build()
    assert (failed["code"], failed["error"]["hint"]) == (3, "write it with a slash at its end: model: model/")


def test_B3_what_requirements_include_is_part_of_the_runtime_as_written(mini):
    text = (mini.folder / "model.yaml").read_text()
    text = text.replace("  params: params.yaml\n", "  params: params.yaml\n  runtime: requirements.txt\n")
    files = {"model.yaml": text, "requirements.txt": "-r more.txt\n", "more.txt": "# one\n"}
    mini.commit(**files)
    first = mini.build("--prerelease")
    (mini.folder / "more.txt").write_text("# two\n")
    assert first["code"] == 0, first["err"]
    assert mini.trainings == 1
    assert mini.build("--prerelease")["code"] == 0
    assert mini.trainings == 2


def test_a_model_that_fails_its_check_is_not_released(mini):
    mini.commit(**{"train.py": (mini.folder / "train.py").read_text().replace("seed, rows)", "float('nan'), rows)")})
    failed = mini.build()
    assert (failed["code"], failed["error"]["kind"]) == (3, "model-check"), failed["err"]
    assert not mini.git("tag", "--list")


def test_B6_a_commit_that_the_remote_does_not_have_makes_a_prerelease(mini, remote):
    assert mini.build()["version"] == "1.0.0"
    mini.commit(**{"params.yaml": "seed: 7\n"})
    assert mini.build()["version"].startswith("1.0.1-main-")
    mini.git("push", "-q")
    assert mini.build()["version"] == "1.0.1"


def test_B6_a_shallow_clone_with_detached_head_claims(mini, remote, tmp_path):
    mini.build()
    mini.commit(**{"params.yaml": "seed: 7\n"})
    mini.git("push", "-q")
    other = clone(remote, tmp_path / "other", "--depth=1")
    other.git("checkout", "-q", "--detach")
    result = other.build(MODEL_DEVOPS_HOME=str(tmp_path / "elsewhere"))
    assert result["version"] == "1.0.1", result["err"]


def test_V4_another_store_names_the_same_release_of_the_same_bytes(mini, remote, tmp_path):
    first = mini.build()
    other = clone(remote, tmp_path / "other")
    result = other.build(MODEL_DEVOPS_HOME=str(tmp_path / "elsewhere"))
    assert (result["version"], result["new"], result["digest"]) == ("1.0.0", False, first["digest"]), result["err"]
    verified = other.run("release", "verify", "1.0.0", MODEL_DEVOPS_HOME=str(tmp_path / "elsewhere"))
    assert verified["code"] == 0, verified["err"]


POINTS = [point for point in faults.POINTS if point.split(".")[0] in ("build", "claim", "store", "file")]


@pytest.mark.parametrize("point", POINTS)
def test_a_build_killed_anywhere_is_followed_by_one_that_succeeds(mini, remote, point):
    killed = mini.build("--param", "seed=4", MODEL_DEVOPS_CRASH_AT=point)
    assert killed["code"] == -signal.SIGKILL, f"{point} was not hit"
    again = mini.build("--param", "seed=4")
    assert again["code"] == 0, again["err"]
    listed = mini.run("release", "verify", again["version"])
    assert listed["code"] == 0, listed["err"]
    assert (mini.folder / "params.yaml").read_text() == "seed: 1\n"


@pytest.mark.parametrize("point", ["file.before-rename", "store.mid-blob", "store.before-index"])
def test_a_build_killed_at_any_of_its_writes_is_followed_by_one_that_succeeds(mini, remote, point):
    turns = 0
    while True:
        seed = f"seed={turns + 4}"
        killed = mini.build("--param", seed, MODEL_DEVOPS_CRASH_AT=f"{point}:{turns + 1}")
        if killed["code"] == 0:
            break
        assert killed["code"] == -signal.SIGKILL, killed["err"]
        again = mini.build("--param", seed)
        assert again["code"] == 0, again["err"]
        assert mini.run("release", "verify", again["version"])["code"] == 0
        assert mini.git("status", "--porcelain") == "", "parameters are put back"
        turns += 1
    assert turns >= 2, "it was hit more than once"
    assert mini.run("release", "verify")["code"] == 0, "all of them"
