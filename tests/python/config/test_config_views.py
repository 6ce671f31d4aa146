"""Short forms of model.yaml, durations, and the verbs that show the configuration."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from model_devops.cli.main import run
from model_devops.config import dump, views
from model_devops.config.durations import seconds
from model_devops.config.load import loads
from model_devops.config.types import Check, Model, Runtime
from model_devops.errors import UsageError


def model(text: str, artifacts: str = "model: m") -> Model:
    return loads(f"name: digits\nartifacts: {{{artifacts}}}\n{text}".encode(), "model.yaml").model


@pytest.mark.parametrize(("text", "commands"), [("", []), ("train: a", ["a"]), ("train: [a, b]", ["a", "b"])])
def test_train_is_a_command_or_a_list_of_them(text: str, commands: list[str]) -> None:
    assert views.train_commands(model(text)) == commands


@pytest.mark.parametrize(
    ("text", "block"),
    [("", Check()), ("check: [a]", Check(run=["a"])), ("check: {allow: [x]}", Check(allow=["x"]))],
)
def test_check_is_a_list_or_a_block(text: str, block: Check) -> None:
    assert views.check_block(model(text)) == block


@pytest.mark.parametrize(
    ("artifacts", "block"),
    [
        ("model: m", None),
        ("model: m, runtime: r.txt", Runtime(file="r.txt")),
        ("model: m, runtime: {file: r.txt, use: as-is}", Runtime(file="r.txt", use="as-is")),
    ],
)
def test_runtime_is_a_file_or_a_block(artifacts: str, block: Runtime | None) -> None:
    assert views.runtime_block(model("", artifacts)) == block


def test_patterns_are_lists_of_the_artifacts_that_there_are() -> None:
    artifacts = "model: m/, code: [a, b], params: p.yaml, runtime: {file: r.txt}"
    assert views.artifact_patterns(model("", artifacts)) == {
        "model": ["m/"],
        "code": ["a", "b"],
        "params": ["p.yaml"],
        "runtime": ["r.txt"],
    }


@pytest.mark.parametrize(
    ("text", "value"), [("500ms", 0.5), ("30s", 30), ("10m", 600), ("2h", 7200), ("7d", 604800), ("0s", 0)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "10", "1.5h", "-1s", "1w", "10 s", "1hm", "٣s", "99999d", "9" * 5000 + "s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError):
        seconds(text)


FULL = """\
name: digits
artifacts: {model: model/}
train: |
  python prepare.py
  python train.py
serve: {command: x, env: {VERSION: "1.10", SCALE: "1e-3", "on": "off"}, smoke: [{path: /p, json: {a: null}}]}
environments: {test: {target: local, port: 8081, approval: {}}}
"""


def without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None or key == "a"}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def test_the_defaults_that_are_shown_are_those_of_the_types() -> None:
    loaded = loads(FULL.encode(), "model.yaml")
    assert dump.effective(loaded.document) == without_none(msgspec.to_builtins(loaded.model))


def test_config_show_prints_yaml_that_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.yaml").write_text(FULL)
    assert run(["config", "show", "--file", str(tmp_path / "model.yaml")]) == 0
    shown = capsys.readouterr().out
    assert loads(shown.encode(), "shown.yaml").model == loads(FULL.encode(), "model.yaml").model
    assert "python prepare.py\n" in shown
    assert yaml.safe_load(shown)["environments"]["test"]["proof"] == ["measured"]


def test_config_show_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.yaml").write_text(FULL)
    assert run(["--json", "config", "show", "--file", str(tmp_path / "model.yaml")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["serve"]["ready"] == "/ready"
    assert [place["name"] for place in shown["environments"]] == list(shown["config"]["environments"])


def test_config_show_lists_all_problems_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.yaml").write_text("nam: x\ntrain: 1\n")
    assert run(["config", "show", "--file", str(tmp_path / "model.yaml")]) == 2
    shown = capsys.readouterr().err
    assert "model.yaml:1:1: nam: there is no such key" in shown
    assert "model.yaml:2:8: train: must be text or a list or a mapping; 1 is a whole number" in shown


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$defs"]["Model"]["required"] == ["name", "artifacts"]


def test_config_show_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(FULL)
    program = (
        "import sys; from model_devops.cli.main import run; run(['config', 'show']);"
        "heavy = {'msgspec', 'jinja2', 'psutil', 'difflib', 'rfc8785', 'pathspec'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_without_libyaml_the_message_says_so(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['yaml._yaml'] = None; from model_devops.cli.main import run;"
        "sys.exit(run(['config', 'show']))"
    )
    (tmp_path / "model.yaml").write_text(FULL)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "without libyaml" in done.stderr
