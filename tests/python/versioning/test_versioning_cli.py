"""`model-devops version`, by the real command on a real project."""

from pathlib import Path

from mini_project import Mini


def test_next_says_what_a_build_then_does(mini: Mini) -> None:
    for files in ({}, {"params.yaml": "seed: 2\n"}, {"data__rows.csv": "1\n"}, {}):
        mini.commit(**files)
        expected, built = mini.run("version", "next"), mini.build()
        assert (expected["version"], expected["new"]) == (built["version"], built["new"]), expected["err"]
        if built["new"]:
            told = [reason["text"] for reason in expected["reasons"]]
            assert set(told) <= {reason["text"] for reason in built["release"]["reasons"]}


def test_next_runs_and_claims_nothing(mini: Mini) -> None:
    assert mini.run("version", "next")["version"] == "1.0.0"
    assert mini.trainings == 0
    assert mini.git("tag", "--list") == ""


def test_B8_next_on_a_branch_is_a_pre_release(mini: Mini, remote: Path) -> None:
    mini.build()
    mini.git("checkout", "-q", "-b", "feature/x")
    mini.commit("nothing that matters")
    assert mini.run("version", "next")["version"].startswith("1.0.1-feature-x-"), "also where a final one stands for it"
    mini.commit(**{"params.yaml": "seed: 2\n"})
    expected, built = mini.run("version", "next"), mini.build()
    assert not expected["claims"]
    assert built["version"].startswith(expected["version"] + ".g")


def test_B7_next_on_a_late_commit_is_superseded(mini: Mini, remote: Path) -> None:
    mini.git("checkout", "-q", "--detach")
    mini.git("checkout", "-q", "main")
    mini.commit(**{"params.yaml": "seed: 2\n"})
    mini.git("push", "-q")
    mini.build()
    mini.git("checkout", "-q", "HEAD~1")
    found = mini.run("version", "next")
    assert (found["code"], found["error"]["kind"]) == (4, "superseded")


def test_B7_next_on_an_old_commit_is_the_release_that_was_built_from_it(mini: Mini) -> None:
    old = mini.git("rev-parse", "HEAD")
    mini.build()
    mini.commit(**{"params.yaml": "seed: 2\n"})
    mini.build()
    mini.run("test")
    mini.git("checkout", "-q", "-B", "main", old)
    found = mini.run("version", "next")
    assert (found["version"], found["new"], found["base"]) == ("1.0.0", False, "1.0.1")


def test_show_names_what_the_commit_was_built_as(mini: Mini) -> None:
    assert mini.run("version", "show")["versions"] == []
    mini.build()
    assert mini.run("version", "show")["versions"] == ["1.0.0"]
    pre = mini.build("--prerelease")["version"]
    assert mini.run("version", "show")["versions"] == ["1.0.0", pre]
    mini.commit(**{"data__rows.csv": "1\n"})
    assert mini.run("version", "show")["versions"] == []


def test_list_tells_version_commit_time_state_and_reasons(mini: Mini) -> None:
    mini.build()
    mini.run("test")
    mini.commit(**{"params.yaml": "seed: 2\n"})
    mini.build()
    mini.git("tag", "mini@v1.5.0")
    rows = mini.run("version", "list")["versions"]
    assert [(row["version"], row["state"]) for row in rows] == [
        ("1.5.0", "burnt"),
        ("1.0.1", "built"),
        ("1.0.0", "tested"),
    ]
    assert rows[1]["commit"] == mini.git("rev-parse", "HEAD")[:12]
    assert "parameters changed" in rows[1]["reasons"]
    assert rows[1]["time"]


def test_V4_list_works_from_tags_alone(mini: Mini, tmp_path: Path) -> None:
    mini.build()
    [row] = mini.run("version", "list", MODEL_DEVOPS_HOME=str(tmp_path / "elsewhere"))["versions"]
    assert (row["version"], row["state"]) == ("1.0.0", "not in this store")


def test_list_offline_says_that_it_is_what_this_clone_knows(mini: Mini, remote: Path) -> None:
    mini.build()
    remote.rename(remote.with_name("gone"))
    found = mini.run("version", "list")
    assert [row["version"] for row in found["versions"]] == ["1.0.0"]
    assert "did not answer" in found["warnings"][0]


def test_explain_tells_base_reasons_and_changed_digests(mini: Mini) -> None:
    mini.build()
    mini.commit(**{"params.yaml": "seed: 2\n"})
    mini.build()
    found = mini.run("version", "explain", "v1.0.1")
    assert found["base"] == "1.0.0"
    assert [change["artifact"] for change in found["changes"]] == ["model", "params"]
    assert {reason["text"] for reason in found["reasons"]} == {"weights changed", "parameters changed"}


def test_explaining_what_is_not_there_is_a_usage_error(mini: Mini) -> None:
    mini.git("tag", "mini@v3.0.0")
    for version, words in (("9.9.9", "has no version"), ("3.0.0", "without a record")):
        found = mini.run("version", "explain", version)
        assert found["code"] == 2
        assert words in found["error"]["message"]


def test_V5_repair_puts_back_a_deleted_tag_whose_number_is_never_given_again(mini: Mini, remote: Path) -> None:
    mini.build()
    mini.git("push", "-q", "origin", ":mini@v1.0.0")
    mini.git("tag", "-d", "mini@v1.0.0")
    assert mini.run("version", "next")["version"] == "1.0.0"
    assert mini.run("version", "repair")["putBack"] == ["1.0.0"]
    assert "mini@v1.0.0" in mini.git("ls-remote", "--tags", "origin")
    assert mini.run("version", "repair")["putBack"] == []


def test_V5_repair_refuses_with_every_problem(mini: Mini) -> None:
    mini.build()
    mini.git("tag", "-f", "mini@v1.0.0", "HEAD")
    found = mini.run("version", "repair")
    assert (found["code"], found["error"]["kind"], len(found["error"]["problems"])) == (4, "not-repaired", 1)


def test_V6_name_of_another_file_is_refused_with_its_path(mini: Mini) -> None:
    mini.build()
    mini.commit(**{"other__model.yaml": (mini.folder / "model.yaml").read_text().replace("model/", "m/")})
    for folder in ("data", "code"):
        (mini.folder / "other" / folder).mkdir(exist_ok=True)
    found = mini.run("version", "list", "-f", "other/model.yaml")
    assert (found["code"], found["error"]["kind"]) == (4, "name-taken")
    assert "model.yaml" in found["error"]["message"]
