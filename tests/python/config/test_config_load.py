"""Reading a model.yaml: limits, places, and messages that say what to write instead."""

import time
from pathlib import Path

import pytest

from model_devops.config.load import load, loads
from model_devops.errors import Problem, UsageError

MINIMAL = "name: digits\nartifacts: {model: model/}\n"


def problems(text: str | bytes) -> list[Problem]:
    """The problems of a text that has some."""
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(UsageError) as caught:
        loads(data, "model.yaml")
    assert caught.value.problems
    return list(caught.value.problems)


def only(text: str | bytes) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_a_good_file_becomes_typed_data_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(MINIMAL + "test: {run: [make test]}\n")
    loaded = load(tmp_path / "model.yaml")
    assert loaded.folder == tmp_path
    assert loaded.model.name == "digits"
    assert loaded.model.test is not None
    assert loaded.model.test.metrics == "metrics.json"
    assert loaded.document == {"name": "digits", "artifacts": {"model": "model/"}, "test": {"run": ["make test"]}}


def test_a_relative_path_gives_an_absolute_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.yaml").write_text(MINIMAL)
    monkeypatch.chdir(tmp_path)
    assert load(Path("model.yaml")).path == tmp_path / "model.yaml"


def test_every_problem_is_reported_at_once_in_the_files_order() -> None:
    found = problems(
        "name: My_Model\nartefacts: {}\nartifacts:\n  model: 1.10\nenvironments:\n  test: {target: lokal, port: 8081}\n"
    )
    assert [(problem.line, problem.column) for problem in found] == [(1, 7), (2, 1), (4, 10), (5, 1), (6, 18)]


def test_a_misspelt_key_is_met_with_the_one_that_was_meant_and_all_that_are_allowed() -> None:
    problem = only(MINIMAL + "enviroments: {}\n")
    assert problem.where == "model.yaml:3:1"
    assert problem.hint == "did you mean environments?"
    assert "train" in problem.allowed


def test_a_misspelt_value_is_met_with_the_one_that_was_meant() -> None:
    problem = only(MINIMAL + "serve: {command: x}\nenvironments: {test: {target: locl, port: 1}}\n")
    assert problem.allowed == ("kubernetes", "local")
    assert problem.hint == "did you mean local?"


def test_a_missing_key_is_named_at_the_mapping_that_lacks_it() -> None:
    problem = only("name: digits\nartifacts:\n  code: a.py\n")
    assert problem.message == "artifacts: model is missing"
    assert problem.where == "model.yaml:3:3"


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("1.10", "1.10 is a number", 'write it in quotes: "1.10"'),
        ("on", "on is a truth value", 'write it in quotes: "on"'),
        ("2024-01-01", "2024-01-01 is a date", 'write it in quotes: "2024-01-01"'),
        ("010", "010 is a number in another notation", 'write it in quotes: "010"'),
        ("1e-3", "1e-3 is a number", 'write it in quotes: "1e-3"'),
        ("true", "true is a truth value", 'write it in quotes: "true"'),
        ("=", "= is a special value", 'write it in quotes: "="'),
    ],
)
def test_a_value_that_yaml_does_not_take_for_text_is_to_be_quoted(written: str, message: str, hint: str) -> None:
    problem = only(MINIMAL + f"serve: {{command: x, env: {{LEVEL: {written}}}}}\n")
    assert message in problem.message
    assert problem.hint == hint


@pytest.mark.parametrize(
    ("port", "hint"),
    [
        ('"8081"', "write 8081 without quotes"),
        ("0o17", "write it as digits, without quotes"),
        ("017", "write it as digits, without quotes"),
        ("1_000", "write it as digits, without quotes"),
        ("1:30", "write it as digits, without quotes"),
        ("8081.0", "write it as digits, without quotes"),
    ],
)
def test_a_port_is_a_decimal_number_without_quotes(port: str, hint: str) -> None:
    problem = only(MINIMAL + f"serve: {{command: x}}\nenvironments: {{test: {{target: local, port: {port}}}}}\n")
    assert problem.hint == hint


@pytest.mark.parametrize("written", ["yes", "on", '"true"', "Y"])
def test_a_switch_is_true_or_false(written: str) -> None:
    block = f"{{target: local, port: 1, prereleases: {written}}}"
    problem = only(MINIMAL + f"serve: {{command: x}}\nenvironments: {{test: {block}}}\n")
    assert problem.hint == "write true, without quotes"


@pytest.mark.parametrize(("written", "value"), [("1e-3", 0.001), ("0.5", 0.5), ("3", 3), ("-2.5E+1", -25.0)])
def test_numbers_are_those_of_json(written: str, value: float) -> None:
    loaded = loads((MINIMAL + f"test: {{run: [x], gates: {{f1: {{min: {written}}}}}}}\n").encode(), "model.yaml")
    assert loaded.model.test is not None
    assert loaded.model.test.gates["f1"].min == value


@pytest.mark.parametrize("written", [".nan", ".inf", "1e999", "12345678901234567890", "9007199254740993", "9" * 5000])
def test_numbers_that_json_can_not_hold_exactly_are_refused(written: str) -> None:
    assert "must be a number" in only(MINIMAL + f"test: {{run: [x], gates: {{f1: {{min: {written}}}}}}}\n").message


@pytest.mark.parametrize("written", ["on", "2024-01-01", "010", ".nan", "12345678901234567890"])
def test_an_unclear_value_in_a_request_is_refused(written: str) -> None:
    problem = only(MINIMAL + f"serve: {{command: x, smoke: [{{path: /p, json: {{a: [{written}]}}}}]}}\n")
    assert problem.message.startswith("serve.smoke[0].json.a[0]: ")


def test_a_key_twice_is_a_problem_that_names_the_first() -> None:
    problem = only("name: digits\nname: other\nartifacts: {model: m}\n")
    assert problem.message == "name: stands here twice, first on line 1"
    assert problem.line == 2


def test_merge_keys_are_refused() -> None:
    found = problems("name: a\nartifacts: &a {model: m}\ntest:\n  <<: *a\n  run: [x]\n")
    assert "merge keys" in found[0].message


@pytest.mark.parametrize(("key", "message"), [("on", "in quotes"), ("1.10", "in quotes"), ("[a]", "not a list")])
def test_a_key_is_text(key: str, message: str) -> None:
    assert message in only(MINIMAL + f"test:\n  run: [x]\n  gates:\n    ? {key}\n    : {{min: 1}}\n").message


def test_anchors_and_aliases_are_understood() -> None:
    text = MINIMAL + "test:\n  run: [x]\n  gates:\n    a: &gate {min: 1}\n    b: *gate\n"
    assert loads(text.encode(), "model.yaml").document["test"]["gates"] == {"a": {"min": 1}, "b": {"min": 1}}


def test_null_is_as_if_not_written() -> None:
    assert loads((MINIMAL + "train:\ntest: null\n").encode(), "x").document == loads(MINIMAL.encode(), "x").document


def test_null_stays_in_a_request() -> None:
    text = MINIMAL + "serve: {command: x, smoke: [{path: /p, json: {a: null}}]}\n"
    assert loads(text.encode(), "x").document["serve"]["smoke"][0]["json"] == {"a": None}


def test_a_mapping_that_was_left_empty_is_a_problem() -> None:
    assert only(MINIMAL + "environments:\n").message == "environments: must be a mapping, not nothing"


def test_a_byte_order_mark_is_skipped() -> None:
    assert loads(b"\xef\xbb\xbf" + MINIMAL.encode(), "x").model.name == "digits"


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"", "is empty", "init"),
        (b"# nothing\n", "is empty", "init"),
        (b"- a\n- b\n", "must be a mapping, not a list", None),
        (b"text\n", "must be a mapping; text is text", None),
        (b"name: caf\xe9\n", "is not UTF-8: byte 0xe9", "save the file as UTF-8"),
        (MINIMAL.encode("utf-16"), "it looks like UTF-16", "save the file as UTF-8"),
        (b"name: a\nartifacts:\n\tmodel: m\n", "is no YAML", "use spaces"),
        (b"train: make: it\n", "is no YAML", "in quotes"),
        (b"train: @home\n", "is no YAML", "begins with @"),
        (b"name: a\n---\nname: b\n", "only one YAML document", None),
        (b"name: !!str a\n", "the tag tag:yaml.org,2002:str is not allowed", None),
        (b"a: *b\n", "names no anchor", None),
        (b"a: &a [*a]\n", "contains itself", None),
        (b"name: \x01\n", "is no YAML", "control character"),
        (b"name: [a\n", "is no YAML", None),
    ],
)
def test_what_is_no_model_yaml_gets_one_clear_problem(data: bytes, message: str, hint: str | None) -> None:
    problem = problems(data)[0]
    assert message in problem.message
    assert hint is None or hint in (problem.hint or "")


def test_a_place_is_named_even_for_bytes_that_are_no_text() -> None:
    assert only(b"name: a\ntrain: caf\xe9\n").where == "model.yaml:2:11"


@pytest.mark.parametrize("text", ['"a\\0b"', '"a\\x1bb"', '"a\\x7f"'])
def test_control_characters_are_refused(text: str) -> None:
    assert "control character" in only(MINIMAL + f"train: {text}\n").message


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_a_yaml_bomb_is_refused_in_milliseconds() -> None:
    problems("x")  # import everything first
    start = time.perf_counter()
    assert "aliases written out" in only(bomb(30)).message
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused_without_a_crash(text: str) -> None:
    assert "nested deeper" in only(text).message


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: " + "x" * (1 << 20), "larger than 1024 KiB"), ("[" + "x," * 60_000 + "]", "more than 50000 values")],
)
def test_size_is_limited(text: str, message: str) -> None:
    assert message in only(text).message


def test_many_problems_end_after_a_hundred() -> None:
    start = time.perf_counter()
    assert len(problems(MINIMAL + "".join(f"traim{n}: 1\n" for n in range(20_000)))) == 100
    assert time.perf_counter() - start < 5


def test_long_values_are_cut_in_messages() -> None:
    assert len(only(f"name: {'x' * 10_000}\nartifacts: {{model: m}}\n").message) < 200


def test_without_a_file_the_next_step_is_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no model\.yaml at /.*/model\.yaml$") as caught:
        load(Path("model.yaml"))
    hint = "run `model-devops init` where the model is, or name the file: --file FOLDER/model.yaml"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("folder", "is a folder"),
        ("file/model.yaml", "there is no"),
        ("nul\0", "can't be read"),
        ("/dev/null", "no regular"),
    ],
)
def test_what_is_no_file_is_refused(path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=message):
        load(Path(path))


@pytest.mark.parametrize("name", ['"a\\n"', "'a '", '""', "a_b", "-a", "a" * 41])
def test_a_name_is_a_dns_label_to_its_last_character(name: str) -> None:
    assert "is not allowed" in only(f"name: {name}\nartifacts: {{model: m}}\n").message


@pytest.mark.parametrize("text", ['""', '"  "', '"\\n"'])
def test_a_command_is_not_blank(text: str) -> None:
    assert only(MINIMAL + f"train: {text}\n").message == "train: is empty"


@pytest.mark.parametrize("written", ["true", "True", "TRUE"])
def test_true_is_true_in_the_spellings_on_which_all_agree(written: str) -> None:
    block = f"{{target: local, port: 1, prereleases: {written}}}"
    loaded = loads((MINIMAL + f"serve: {{command: x}}\nenvironments: {{test: {block}}}\n").encode(), "x")
    assert loaded.model.environments["test"].prereleases is True


def test_a_value_that_is_not_there_has_the_place_of_what_would_hold_it() -> None:
    loaded = loads((MINIMAL + "serve:\n  command: x\n").encode(), "main:model.yaml")
    assert loaded.where("serve", "command") == ("main:model.yaml", 4, 3)
    assert loaded.where("serve", "digest") == ("main:model.yaml", 3, 1)
    assert loaded.where("test", "run", 0) == ("main:model.yaml", 1, 1)
    assert loaded.problem("is wrong", "serve", "command").message == "serve.command: is wrong"


def test_a_control_character_is_told_in_few_words() -> None:
    assert only("name: a\x01b\n").message == "is no YAML: control characters are not allowed"
