"""Folders and files with spaces and in NFD, as macOS writes them, from the build to the rollback (C2, B10)."""

import unicodedata

import pytest

from served import Served, make_served


def ok(result: dict) -> dict:
    assert result["code"] == 0, result["err"]
    return result


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


FOLDER, DATA, CODE = nfd("Modèle für Ö"), nfd("größe in mm.csv"), nfd("hélper é.py")


@pytest.fixture
def named(home, tmp_path) -> Served:
    """A served model below such a folder, with such files among data and code."""
    project = make_served(tmp_path / FOLDER)
    model = (project.folder / "model.yaml").read_text().replace("serve.py,", f'serve.py, "{CODE}",', 1)
    train = f"open({'data/' + DATA!r}).close()\n" + (project.folder / "train.py").read_text()
    project.commit(**{"model.yaml": model, "train.py": train, CODE: "# code\n", f"data__{DATA}": "4\n"})
    yield project
    for environment in ("test", "production"):
        if project.revisions(environment):
            project.run("stop", environment)


def test_C2_a_model_below_such_names_goes_all_the_way_and_back(named):
    assert DATA in [path.name for path in (named.folder / "data").iterdir()], "this file system keeps the form"
    first = ok(named.build())
    assert ok(named.run("test"))["release"]["version"] == first["version"] == "1.0.0"
    assert named.git("status", "--porcelain") == "", "the workspace is as it was"
    ok(named.run("deploy", "test"))
    second = named.release("seed: 2\n")
    ok(named.run("test"))
    ok(named.run("deploy", "test"))
    assert named.get("/env")["MODEL_DEVOPS_VERSION"] == second == "1.0.1"
    back = ok(named.run("rollback", "test", "--reason", "worse"))
    assert named.get("/env")["MODEL_DEVOPS_VERSION"] == "1.0.0", back["err"]
    assert ok(named.run("status", "test"))["healthy"]
    ok(named.run("release", "verify", "1.0.0"))
    ok(named.run("verify", second))


EVALUATE = """\
import json, pathlib
found = {path.name: path.read_text() for path in pathlib.Path("data").iterdir()}
assert sorted(found.values()) == ["1\\n2\\n3\\n", "4\\n"], found
json.dump({"accuracy": 0.9}, open("metrics.json", "w"))
"""


def test_B10_a_file_put_in_place_is_not_there_twice_in_two_forms(named):
    """Data that git does not hold and that changed meanwhile: the release's bytes for the test, then back."""
    named.git("rm", "-rq", "--cached", "data")
    ignored = (named.folder / ".gitignore").read_text() + "data/\n"
    named.commit(**{".gitignore": ignored, "evaluate.py": EVALUATE})
    built = ok(named.build())
    (named.folder / "data" / "rows.csv").write_text("changed\n")
    ok(named.run("test", "--release", built["version"]))
    names = {path.name: path.read_text() for path in (named.folder / "data").iterdir()}
    assert names == {"rows.csv": "changed\n", DATA: "4\n"}


def test_C1_the_form_of_a_name_is_no_part_of_the_content(named):
    first = ok(named.build())
    for path in (named.folder / "data" / DATA, named.folder / CODE):
        path.rename(path.with_name(unicodedata.normalize("NFC", path.name)))
    again = ok(named.build("--prerelease"))
    assert again["release"]["artifacts"]["dataset"] == first["release"]["artifacts"]["dataset"]
