"""Which files make an artifact (C1, C2)."""

import os
import socket
import time
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from model_devops.config.load import load
from model_devops.content.files import collect, collect_all
from model_devops.errors import UsageError


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(folder, *patterns, ignore=()):
    return set(collect(folder, list(patterns), list(ignore), "model").files)


def messages(folder, *patterns, ignore=()):
    with pytest.raises(UsageError) as caught:
        collect(folder, list(patterns), list(ignore), "model")
    return [problem.message for problem in caught.value.problems]


def test_C2_paths_of_a_folder_are_relative_to_it(tmp_path):
    put(tmp_path, "model/a", "model/sub/b", "other")
    for written in ("model/", "model", "./model//"):
        found = collect(tmp_path, [written], [], "model")
        assert (found.root, set(found.files)) == ("model", {"a", "sub/b"})


def test_C2_a_hidden_folder_keeps_its_name(tmp_path):
    put(tmp_path, ".weights/a")
    assert collect(tmp_path, [".weights/"], [], "model").root == ".weights"


@pytest.mark.parametrize("pattern", ["model/a", "model/*", "*/a", "**/a", "model/**", "mod[e]l/?"])
def test_C2_paths_of_a_file_or_glob_are_relative_to_model_yaml(tmp_path, pattern):
    put(tmp_path, "model/a")
    found = collect(tmp_path, [pattern], [], "model")
    assert (found.root, set(found.files)) == ("", {"model/a"})


def test_C2_a_list_of_folders_and_files_is_relative_to_model_yaml(tmp_path):
    put(tmp_path, "src/a.py", "src/b/c.py", "train.py", "other.py")
    assert names(tmp_path, "src/", "train.py") == {"src/a.py", "src/b/c.py", "train.py"}


def test_C2_wildcards_stay_within_a_part_and_two_stars_do_not(tmp_path):
    put(tmp_path, "a.py", "d/b.py", "d/e/c.py", ".h/d.py", "d/x.txt")
    assert names(tmp_path, "*.py") == {"a.py"}
    assert names(tmp_path, "*/*.py") == {"d/b.py", ".h/d.py"}
    assert names(tmp_path, "**/*.py") == {"a.py", "d/b.py", "d/e/c.py", ".h/d.py"}
    assert names(tmp_path, "d/**/**/c.py") == {"d/e/c.py"}


def test_C2_empty_files_count_and_empty_folders_do_not(tmp_path):
    (tmp_path / "model/empty").mkdir(parents=True)
    (tmp_path / "model/none").touch()
    assert names(tmp_path, "model") == {"none"}


@pytest.mark.parametrize("pattern", ["model", "model/*", "**/link", "model/**", "model/link"])
def test_C2_symlink_is_refused_by_name(tmp_path, pattern):
    put(tmp_path, "model/a")
    (tmp_path / "model/link").symlink_to("a")
    assert any("model/link is a symlink" in message for message in messages(tmp_path, pattern))


@pytest.mark.parametrize("pattern", ["linked", "linked/", "linked/a", "*/a", "**/a", "**/*.bin"])
def test_C2_symlinked_folder_is_refused_by_name_and_never_followed(tmp_path, pattern):
    put(tmp_path, "real/a", "real/b.bin")
    (tmp_path / "linked").symlink_to("real")
    assert "linked is a symlink; only regular files make an artifact" in messages(tmp_path, pattern)


def test_C2_sockets_and_pipes_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "model/a")
    os.mkfifo("model/pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("model/sock")
        found = " ".join(messages(tmp_path, "model"))
    assert "model/pipe is a pipe" in found
    assert "model/sock is a socket" in found


def test_C2_names_are_nfc_whatever_is_on_disk(tmp_path):
    nfd = unicodedata.normalize("NFD", "modèle")
    put(tmp_path, f"{nfd}/{nfd}.bin")
    found = collect(tmp_path, [unicodedata.normalize("NFC", "modèle")], [], "model")
    assert (found.root, set(found.files)) == ("mod\u00e8le", {"mod\u00e8le.bin"})
    assert names(tmp_path, "modèle/mod\u00e8*.bin") == {"mod\u00e8le/mod\u00e8le.bin"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("é", unicodedata.normalize("NFD", "é")), ("straße", "STRASSE"), ("d/x", "D/y"), ("d", "D/y")],
)
def test_C2_two_names_equal_under_case_folding_are_refused(tmp_path, one, other):
    put(tmp_path, f"model/{one}", f"model/{other}")
    assert any("one name" in message for message in messages(tmp_path, "model"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"a\nb", "control"),
        (b"a\x7fb", "control"),
        (b"a\xc2\x85b", "control"),
        (b"a\\b", "backslash"),
        (b"\xff", "UTF-8"),
    ],
)
def test_C2_unfit_names_are_refused(tmp_path, name, reason):
    put(tmp_path, "model/fine")
    (tmp_path / "model" / os.fsdecode(name)).touch()
    (message,) = messages(tmp_path, "model")
    assert reason in message
    message.encode()
    assert "\n" not in message


@pytest.mark.parametrize("pattern", ["../a", "/etc/passwd", "x/../../a", "..", "x/../a", "../*"])
def test_C2_leaving_the_folder_is_refused(tmp_path, pattern):
    put(tmp_path, "a", "project/x/b")
    assert "leaves the folder" in messages(tmp_path / "project", pattern)[0]


@pytest.mark.parametrize("pattern", ["nothing", "no/*.bin", "**/*.bin", "empty/", "empty/*", "nul\0l"])
def test_C2_matching_nothing_is_refused(tmp_path, pattern):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, [pattern], [], "model")
    assert caught.value.kind == "no-match"
    assert "matches no file" in caught.value.message


def test_C2_all_problems_are_told_at_once(tmp_path):
    put(tmp_path, "model/a", "model/A", "model/b\\c")
    (tmp_path / "model/link").symlink_to("a")
    assert len(messages(tmp_path, "model", "../x", "missing")) == 5


def test_C2_all_artifacts_are_looked_at_before_anything_is_said(tmp_path):
    put(tmp_path, "model/a")
    (tmp_path / "data").symlink_to("model")
    text = "name: m\nartifacts: {model: weights/, dataset: data, code: [none.py], params: p.yaml}\n"
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        collect_all(load(tmp_path / "model.yaml"))
    assert len(caught.value.problems) == 4
    with pytest.raises(UsageError) as caught:
        collect_all(load(tmp_path / "model.yaml"), absent_ok={"model"})
    assert len(caught.value.problems) == 3


def test_C1_ignore_is_gitignore(tmp_path):
    put(tmp_path, "m/a", "m/b.log", "m/keep.log", "m/cache/x", "m/cache/y")
    assert names(tmp_path, "m", ignore=["*.log", "!keep.log", "cache/"]) == {"a", "keep.log"}
    (tmp_path / "m/link").symlink_to("a")
    assert "a" in names(tmp_path, "m", ignore=["link"])


def test_C1_nothing_is_ignored_silently_not_even_git(tmp_path):
    put(tmp_path, "a", ".git/config", "sub/.git", "sub/b", "__pycache__/x.pyc", ".DS_Store", "model.yaml")
    found = messages(tmp_path, ".")
    assert {"'s own" in message for message in found} == {True}
    assert len(found) == 2
    assert names(tmp_path, ".", ignore=[".git"]) == {"a", "sub/b", "__pycache__/x.pyc", ".DS_Store", "model.yaml"}


def test_the_programs_own_folder_beside_model_yaml_is_no_content(tmp_path):
    put(tmp_path, "a", ".model-devops/reports/x")
    assert names(tmp_path, ".") == names(tmp_path, "**") == names(tmp_path, "**/*") == {"a"}


def test_C2_a_hundred_thousand_files_take_seconds(tmp_path):
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as place:
        folder = Path(place)
        for number in range(100_000):
            if number % 1000 == 0:
                (folder / f"model/{number // 1000:03}").mkdir(parents=True)
            os.close(os.open(f"{folder}/model/{number // 1000:03}/{number}", os.O_CREAT))
        started = time.process_time()
        assert len(names(folder, "model")) == 100_000
        assert time.process_time() - started < 10


def test_C2_a_folder_that_can_not_be_read_is_named(tmp_path, monkeypatch):
    put(tmp_path, "model/w", "model/closed/w")
    scan = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)  # the superuser, as whom tests may run, reads all
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, ["model/"], [], "model")
    assert [problem.message for problem in caught.value.problems] == ["model/closed can't be read: Permission denied"]
