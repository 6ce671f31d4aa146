"""Digest v1: published vectors, and a second implementation that agrees on everything else (C1, C3)."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacking import program
from model_devops.content.digest import digest

VECTORS = Path(__file__).parents[2] / "vectors"
PUBLISHED = json.loads((VECTORS / "digest-v1.json").read_text("utf-8"))["vectors"]


def second():
    spec = importlib.util.spec_from_file_location("second_implementation", VECTORS / "second_implementation.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECOND = second()


def of(contents, ignore=()):
    return digest({path: (hashlib.sha256(data).hexdigest(), len(data)) for path, data in contents.items()}, ignore)


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector["name"])
def test_C3_published_vectors_hold(vector):
    contents = {path: bytes.fromhex(data) for path, data in vector["files"].items()}
    assert of(contents, vector["ignore"]) == vector["digest"]


def test_C3_the_second_implementation_holds_them_too():
    done = subprocess.run([sys.executable, VECTORS / "second_implementation.py"], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_C3_an_implementation_in_another_language_holds_them_too():
    done = subprocess.run([program("node"), VECTORS / "second_implementation.mjs"], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_C1_document_is_the_one_of_the_rule():
    sha = hashlib.sha256(b"x").hexdigest()
    document = f'{{"files":[{{"path":"a","sha256":"{sha}","size":1}}],"ignore":["*.log"]}}'
    expected = hashlib.sha256(b"model-devops.digest.v1\n" + document.encode()).hexdigest()
    assert of({"a": b"x"}, ["*.log"]) == f"sha256:{expected}"


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(names, st.binary(max_size=20)), st.lists(names))
def test_C3_both_implementations_agree_on_any_names(contents, ignore):
    rows = [SECOND.entry(path, data) for path, data in contents.items()]
    assert of(contents, ignore) == SECOND.digest(rows, ignore)


@given(st.dictionaries(names, st.binary(max_size=20)), st.randoms())
def test_C1_insert_order_does_not_matter(contents, random):
    shuffled = list(contents.items())
    random.shuffle(shuffled)
    assert of(contents) == of(dict(shuffled))


def test_C1_names_and_ignore_take_part():
    values = [{"a": b"1"}, {"b": b"1"}, {"a": b"1", "e": b""}]
    assert len({*(of(value) for value in values), of({"a": b"1"}, ["x"])}) == 4
