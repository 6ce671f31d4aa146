"""References, tars and entry points, against what others make of them."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from model_devops.adapters.registry.references import parse_reference
from model_devops.errors import RefusedError, UsageError
from model_devops.images import tar
from model_devops.images.append import entry_point
from model_devops.images.dockerfile import bases, pinned
from model_devops.release.blobs import Meter

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "whole", "asked"),
    [
        ("python", "docker.io/library/python", "latest"),
        ("python:3.11-slim", "docker.io/library/python:3.11-slim", "3.11-slim"),
        ("team/base:1", "docker.io/team/base:1", "1"),
        ("docker.io/python:3", "docker.io/library/python:3", "3"),
        ("index.docker.io/team/base", "docker.io/team/base", "latest"),
        ("ghcr.io/team/base:1", "ghcr.io/team/base:1", "1"),
        ("localhost/base", "localhost/base", "latest"),
        ("127.0.0.1:5000/base", "127.0.0.1:5000/base", "latest"),
        (f"registry.example.com/a/b/c@{DIGEST}", f"registry.example.com/a/b/c@{DIGEST}", DIGEST),
        (f"python:3@{DIGEST}", f"docker.io/library/python:3@{DIGEST}", DIGEST),
    ],
)
def test_references_are_read_as_docker_reads_them(text, whole, asked):
    reference = parse_reference(text)
    assert (str(reference), reference.asked) == (whole, asked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":3",
        "Python",
        "a b",
        "python:",
        "python:-x",
        "python@sha256:1",
        "a//b",
        "x.example/UP",
        "/x",
    ],
)
def test_what_is_no_reference_is_refused_in_words(text):
    with pytest.raises(UsageError) as raised:
        parse_reference(text)
    assert raised.value.kind in ("image-name", "store-address")
    assert repr(text) in raised.value.message
    assert "oci://" not in raised.value.message


@pytest.mark.parametrize("text", ["ann:s3cret@host.example/x:1", "ann:s3cret@host.example/x@sha256:1"])
def test_a_login_in_a_reference_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError, match=r"an image on host\.example holds a login") as raised:
        parse_reference(text)
    assert "s3cret" not in f"{raised.value.message}{raised.value.hint}"


@pytest.mark.parametrize("scheme", ["oci://", "https://", "docker://"])
def test_a_reference_has_no_scheme(scheme):
    with pytest.raises(UsageError, match=f"leave out {scheme}$"):
        parse_reference(f"{scheme}host.example/x:1")


def known(file: Path) -> tuple[Path, tuple[str, int]]:
    data = file.read_bytes()
    return file, (hashlib.sha256(data).hexdigest(), len(data))


def test_a_layer_is_a_tar_that_others_read(tmp_path):
    names = ["app/a", "app/größe/x y.txt", f"app/{'long/' * 30}name", "app/b/c"]
    files = {}
    for number, name in enumerate(names):
        file = tmp_path / str(number)
        file.write_bytes(name.encode() * 300)
        files[name] = known(file)
    data = b"".join(tar.content(files, Meter()))
    assert len(data) == tar.length({name: entry[1] for name, (_, entry) in files.items()})
    with tarfile.open(fileobj=io.BytesIO(data)) as read:
        members = read.getmembers()
        assert {one.name: read.extractfile(one).read() for one in members if one.isfile()} == {
            name: name.encode() * 300 for name in names
        }
        assert [one.name for one in members if one.isfile()] == sorted(names, key=str.encode)
        folders = [one.name for one in members if one.isdir()]
        assert folders == sorted(folders, key=str.encode)
        assert {"app", "app/größe", "app/b", "app/long", f"app/{'long/' * 30}".rstrip("/")} <= set(folders)
        assert {(one.uid, one.gid, one.mtime, one.mode) for one in members} == {(0, 0, 0, 0o644), (0, 0, 0, 0o755)}


def test_a_file_of_eight_gib_and_more_has_its_size_in_a_record():
    for size in (tar.LARGEST - 1, tar.LARGEST, tar.LARGEST * 100):
        with tarfile.open(fileobj=io.BytesIO(tar.header("app/größe", size)), mode="r:") as read:
            member = read.next()
        assert (member.name, member.size) == ("app/größe", size)


def test_a_file_that_changed_after_it_was_hashed_makes_no_layer(tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    files = {"app/a": known(tmp_path / "a")}
    (tmp_path / "a").write_bytes(b"other")
    with pytest.raises(RefusedError) as raised:
        list(tar.content(files, Meter()))
    assert raised.value.kind == "changed"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python serve.py", ["python", "serve.py"]),
        (" python -m serve --model=model/x.bin ", ["python", "-m", "serve", "--model=model/x.bin"]),
        ("python serve.py --port $PORT", None),
        ("A=1 python serve.py", None),
        ("exec python serve.py", None),
        ("cd src && python serve.py", None),
        ("python 'a b.py'", None),
        ("python serve.py | tee log", None),
        ("python serve.py\nsecond", None),
    ],
)
def test_a_command_of_plain_words_needs_no_shell(command, words):
    assert entry_point(command) == (words or ["/bin/sh", "-c", command])


def test_dockerfile_stages_and_arguments_are_followed():
    text = (
        "# syntax\nARG TAG=3.11\nARG HOST\nfrom python:${TAG} AS Build\nRUN echo \\\n# comment\nFROM nothing:1\n"
        "ARG TAG=9\nFROM build\nFROM scratch\nFROM team/x:${OTHER:-1} as last\nCOPY --from=0 a b\n"
    )
    found = bases(text, "Dockerfile")
    assert [(one.line, str(one.reference)) for one in found] == [
        (3, "docker.io/library/python:3.11"),
        (10, "docker.io/team/x:1"),
    ]
    digests = {"docker.io/library/python:3.11": DIGEST, "docker.io/team/x:1": DIGEST.replace("ab", "cd")}
    lines = pinned(text, "Dockerfile", digests).splitlines()
    assert lines[3] == f"from docker.io/library/python@{DIGEST} AS Build"
    assert lines[10] == f"FROM docker.io/team/x@{DIGEST.replace('ab', 'cd')} as last"
    assert [line for number, line in enumerate(lines) if number not in (3, 10)] == [
        line for number, line in enumerate(text.splitlines()) if number not in (3, 10)
    ]
