"""Whatever is in a model.yaml: a model or problems, never anything else."""

import copy
import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_devops.config import dump
from model_devops.config.load import Loaded, loads
from model_devops.config.types import Model
from model_devops.errors import UsageError

GOOD: dict[str, Any] = {
    "name": "digits",
    "artifacts": {
        "model": "model/",
        "code": ["a.py"],
        "params": "p.json",
        "runtime": {"file": "r.txt", "use": "as-is"},
    },
    "ignore": ["*.pyc"],
    "release_branch": "main",
    "train": ["python train.py"],
    "check": {"run": ["ruff check ."], "allow": ["model/*.pkl"]},
    "signature": {"inputs": [{"name": "x", "dtype": "float32", "shape": [-1, "n"]}], "outputs": []},
    "test": {
        "run": ["python e.py"],
        "baseline": "production",
        "gates": {"f1": {"min": 0.5, "max_drop": 0.1}, "loss": {"max_rise": 1, "baseline": "test"}},
        "timeout": "30m",
    },
    "serve": {
        "command": "python s.py",
        "digest": "/model",
        "smoke": [{"path": "/p", "method": "POST", "json": {"a": [1, None]}, "expect": {"b": 1.5}}],
        "env": {"A": "b"},
    },
    "environments": {
        "test": {"target": "local", "port": 8081, "prereleases": True, "env": {"A": "1.10"}},
        "production": {
            "target": "local",
            "port": 8080,
            "requires": ["tested", "deployed:test"],
            "approval": {"after": "test", "by": ["ann"], "not_author": {"a@example.org": "ann"}, "expires": "7d"},
            "proof": ["measured", "reported"],
        },
    },
}
GOOD_TEXT = yaml.safe_dump(GOOD, sort_keys=False)
QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

WORDS = [
    "on",
    "1.10",
    "010",
    "2024-01-01",
    "~",
    "",
    "<<",
    "test",
    "production",
    "local",
    "../x",
    "a\\b",
    "*",
    "\0",
    "é",
    "1e5",
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(WORDS))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), inner, max_size=4),
    ),
    max_leaves=8,
)


def read(data: bytes) -> Loaded | None:
    """Read it; what can be read becomes a model, and its defaults written out read back to the same one."""
    try:
        loaded = loads(data, "model.yaml")
    except UsageError as error:
        lines = [problem.line for problem in error.problems]
        json.dumps([problem.as_dict() for problem in error.problems])
    else:
        lines = None
    if lines is not None:
        assert lines
        assert all(line is None or line >= 1 for line in lines)
        return None
    assert isinstance(loaded.model, Model)
    written = dump.to_yaml(dump.effective(loaded.document))
    assert loads(written.encode(), "effective.yaml").model == loaded.model
    return loaded


def places(node: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [keys, *(way for key, child in children for way in places(child, (*keys, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A good document with a few values replaced, removed or added."""
    document: Any = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(places(document)[1:]))
        parent = document
        for key in way[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace":
            parent[way[-1]] = draw(VALUES)
        elif action == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(WORDS))] = draw(VALUES)
        elif len(parent) > 1:
            del parent[way[-1]]
    return document  # type: ignore[no-any-return]


def test_the_good_document_is_good() -> None:
    assert read(GOOD_TEXT.encode()) is not None


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    read(data)


@QUICK
@given(st.text(alphabet="ab:-[]{},&*!|>?#%@`'\"\\ \n\t0.~<=\u00e9\ufeff\u2028", max_size=80))
def test_any_text_of_yamls_own_characters(text: str) -> None:
    read(text.encode())


@QUICK
@given(st.integers(0, len(GOOD_TEXT)), st.integers(0, 20), st.text(max_size=12))
def test_a_good_file_with_a_part_overwritten(start: int, length: int, new: str) -> None:
    read((GOOD_TEXT[:start] + new + GOOD_TEXT[start + length :]).encode("utf-8", "surrogatepass"))


@QUICK
@given(mutated())
def test_a_good_document_with_values_changed(document: dict[str, Any]) -> None:
    read(yaml.dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


@QUICK
@given(mutated())
def test_what_is_written_as_json_is_read_the_same(document: dict[str, Any]) -> None:
    read(json.dumps(document).encode())
