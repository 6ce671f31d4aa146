"""Metrics are read for what they are; what is wrong with them names the metric (T1)."""

import json
import os
from pathlib import Path

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from model_devops.errors import UsageError
from model_devops.testing import metrics
from model_devops.testing.metrics import Metrics, parse


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ('{"a": 1}', "a", 1),
        ('{"a": {"b": {"c": 0.5}}}', "a.b.c", 0.5),
        ('{"a": {"b": 1}, "a.b": 2}', "a.b", 2),
        ('{"a.b": {"c": 3}, "a": {"b": {"d": 4}}}', "a.b.c", 3),
        ('{"a.b": {"c": 3}, "a": {"b": {"d": 4}}}', "a.b.d", 4),
        ('\ufeff{"größe": -0.0}', "größe", 0),
        ('{"a": 1e308}', "a", 1e308),
        ('{"": {"": 7}}', ".", 7),
    ],
)
def test_a_number_is_found_by_its_dotted_path_and_a_literal_key_wins(text, name, value):
    assert parse(text.encode()).number(name) == (value, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"b": 1}', "missing"),
        ('{"a": NaN}', "NaN"),
        ('{"a": Infinity}', "infinite"),
        ('{"a": -Infinity}', "infinite"),
        ('{"a": 1e999}', "infinite"),
        ('{"a": "0.9"}', "the text '0.9'"),
        ('{"a": true}', "is true, not a number"),
        ('{"a": null}', "null"),
        ('{"a": [1]}', "a list"),
        ('{"a": {}}', "an object"),
        ('{"a": 1' + "0" * 400 + "}", "too large"),
        ('{"a": 1' + "0" * 9000 + "}", "can't be read"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"x": {"b": 1, "b": 1}}', "twice"),
        ("[1]", "a list"),
        ("1", "a number"),
        ("", "can't be read"),
        ('{"a": 1', "can't be read"),
        ('{"a": 1} trailing', "can't be read"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_T1_what_is_no_number_says_what_it_is(text: str, says: str):
    value, instead = parse(text.encode()).number("a")
    assert value is None
    assert says in instead


def test_T1_bytes_that_are_not_utf8_are_no_metrics():
    assert "UTF-8" in (parse(b'{"a": "\xff"}').problem or "")
    assert "UTF-8" in (parse('{"a": 1}'.encode("utf-16")).problem or "")


def test_T1_only_a_regular_file_of_sensible_size_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = tmp_path / "real.json"
    real.write_text('{"a": 1}')
    link, folder, pipe = tmp_path / "link", tmp_path / "folder", tmp_path / "pipe"
    link.symlink_to(real)
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (link, folder, pipe):
        assert "no regular file" in (metrics.read(path).problem or "")
    assert "the run wrote no none.json" in (metrics.read(tmp_path / "none.json").problem or "")
    assert metrics.read(real).number("a") == (1, "")
    monkeypatch.setattr(metrics, "LIMIT", 4)
    assert "more than" in (metrics.read(real).problem or "")


def test_T1_metrics_are_deleted_before_the_run_and_never_through_a_link(tmp_path: Path):
    real, link = tmp_path / "real.json", tmp_path / "metrics.json"
    real.write_text("{}")
    link.symlink_to(real)
    metrics.clear(link)
    metrics.clear(link)
    assert real.exists()
    assert not link.is_symlink()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError):
        metrics.clear(tmp_path / "folder")


def test_evidence_of_any_metrics_is_canonical_json():
    odd = {"a": float("nan"), "b": 1 << 60, "c": "\ud800", "d": [{"\udfff": None}], "e": 10**400, "f": 0.1}
    kept = metrics.for_evidence(odd, ["f"])
    assert rfc8785.dumps(kept)
    assert kept["f"] == 0.1


def test_evidence_of_very_many_metrics_keeps_those_of_the_gates():
    many = {f"m{index}": {"value": index} for index in range(20_000)}
    assert metrics.for_evidence(many, ["m7.value", "none", "m8"]) == {"m7.value": 7}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b'{"a": {"a": NaN}}')
def test_any_bytes_are_metrics_or_a_message(data: bytes):
    found = parse(data)
    for name in ("a", "a.b", "", "."):
        value, instead = found.number(name)
        assert (value is None) == bool(instead)
    rfc8785.dumps(metrics.for_evidence(found.values, ["a"]))


@given(st.dictionaries(st.text(min_size=1), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_finite_number_that_python_writes_is_read_back(values: dict[str, float]):
    found = parse(json.dumps(values).encode())
    assert all(found.number(name)[0] == value for name, value in values.items())


def test_a_problem_of_the_whole_file_is_every_metrics_problem():
    assert Metrics(problem="was not measured").number("a") == (None, "was not measured")
