"""Whatever a user can put into a file or a tag: a documented exit code, a result, and no traceback."""

import json
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mini_project import MODEL, PYTHON, Mini, mini  # noqa: F401  fixture
from model_devops.adapters.git import open_git
from model_devops.cli.main import run

FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEWER = settings(FEW, max_examples=15)  # each example starts processes
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
GOOD = yaml.safe_load(MODEL.replace("PYTHON", "python"))
Line = Callable[..., int]


@pytest.fixture
def line(mini: Mini, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:  # noqa: F811
    """The command line in a project; returns the exit code after looking at result and text."""
    monkeypatch.chdir(mini.folder)
    result = mini.folder.parent / "result.json"

    def call(*words: str, allowed: Iterable[int]) -> int:
        result.unlink(missing_ok=True)
        code = run(["--result", str(result), *words])
        said = capsys.readouterr().err
        document = json.loads(result.read_bytes())
        assert document["exitCode"] == code
        assert code in allowed, said
        assert "Traceback" not in said
        return code

    return call


def replaced(document: object, path: list[int], value: object) -> object:
    """The document with something else at one place in it."""
    if not path or not isinstance(document, dict | list) or not document:
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[path[0] % len(keys)]
    changed = dict(document) if isinstance(document, dict) else list(document)
    changed[key] = replaced(changed[key], path[1:], value)  # type: ignore[index, call-overload]
    return changed


@FEW
@given(
    st.binary(max_size=200)
    | st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=4), JSON).map(
        lambda change: yaml.safe_dump(replaced(GOOD, *change), allow_unicode=True).encode("utf-8", "surrogatepass")
    )
)
@example(b"\xff\xfe")
@example(b"a: " + b"[" * 5000)
def test_any_model_yaml(line: Line, data: bytes) -> None:
    Path("model.yaml").write_bytes(data)
    line("config", "show", allowed=(0, 2))
    line("version", "next", allowed=(0, 2, 4))


@FEW
@given(st.dictionaries(st.sampled_from(["release", "reason", "as", "file", "store", "environment"]), JSON) | JSON)
def test_any_request(line: Line, request_: object) -> None:
    Path("request.json").write_text(json.dumps(request_), encoding="utf-8", errors="surrogatepass")
    for verb in (["approve"], ["release", "show"]):
        line("--request", "request.json", *verb, allowed=(2, 4))


@FEWER
@given(
    st.dictionaries(st.sampled_from(["w", "__metadata__"]), JSON) | JSON,
    st.binary(max_size=16),
    st.integers(0, 2**64 - 1),
)
@example({}, b"", 2**64 - 1)
def test_any_safetensors_header(line: Line, header: object, payload: bytes, lie: int) -> None:
    text = Path("model.yaml").read_text()
    Path("model.yaml").write_text("".join(row for row in text.splitlines(True) if not row.startswith("train:")))
    Path("model").mkdir(exist_ok=True)
    raw = json.dumps(header).encode("utf-8", "surrogatepass")
    for size in (len(raw), lie):
        Path("model/weights.safetensors").write_bytes(struct.pack("<Q", size) + raw + payload)
        line("check", allowed=(0, 3))
        line("build", "--prerelease", allowed=(0, 3))


@FEW
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=" ~^:?*[\\"), max_size=12),
    st.binary(max_size=80),
)
@example("1.0.0", b"")
@example("1.0.0", b'{"name": "\xff"}')
@example("99999999999999999999.0.0", b"x")
def test_any_tag(line: Line, name: str, message: bytes) -> None:
    git = open_git(Path.cwd())
    assert git is not None
    head = f"object {git.head()}\ntype commit\ntag x\ntagger A <a@b> 1 +0000\n\n".encode()
    oid = git.run("hash-object", "-t", "tag", "-w", "--stdin", "--literally", input=head + message)
    git.status("update-ref", f"refs/tags/mini@v{name}", oid)
    for verb in ("list", "next", "show", "repair"):
        line("version", verb, allowed=(0, 4))
    line("version", "explain", name or "1.0.0", allowed=(0, 2))


@FEWER
@given(
    st.binary(max_size=60) | st.dictionaries(st.just("accuracy"), JSON).map(lambda value: json.dumps(value).encode())
)
@example(b"[1]")
@example(b'{"accuracy": NaN}')
@example(b'{"accuracy": 1e999}')
def test_any_metrics(line: Line, data: bytes) -> None:
    text = MODEL.replace("PYTHON evaluate.py", "cp written.json metrics.json").replace("PYTHON", PYTHON)
    Path("model.yaml").write_text(text)
    Path("written.json").write_bytes(data)
    line("build", "--prerelease", allowed=(0,))
    line("test", allowed=(0, 3))
