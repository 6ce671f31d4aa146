"""The seam's contract: request in; result file, exit code and text out, whatever happens."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_devops.cli import main, seam
from model_devops.errors import MEANINGS, ExitCode, UsageError


@click.command()
@click.argument("environment", required=False)
@click.option("--release")
@click.option("--dry-run", is_flag=True)
@click.option("--param", "params", multiple=True)
@click.option("--count", type=int)
@click.option("--at-least", type=click.Choice(["patch", "minor"]))
def verb(**options):
    return seam.Result("done", options=options)


def arguments(request, tmp_path):
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request))
    return seam.with_request(str(file), verb, [])[1]


def called(request, tmp_path):
    return verb.main(arguments(request, tmp_path), standalone_mode=False).fields["options"]


def test_request_keys_are_camel_or_kebab_case(tmp_path):
    assert called({"dryRun": True, "at-least": "minor"}, tmp_path)["dry_run"] is True
    assert called({"dry-run": True, "atLeast": "minor"}, tmp_path)["at_least"] == "minor"


def test_request_takes_arguments_lists_and_objects(tmp_path):
    got = called(
        {"environment": "--odd name", "param": {"lr": 0.1, "on": True, "s": "x=y"}},
        tmp_path,
    )
    assert got["environment"] == "--odd name"
    assert got["params"] == ("lr=0.1", "on=true", "s=x=y")


def test_values_that_look_like_flags_stay_values(tmp_path):
    assert called({"release": "--dry-run"}, tmp_path)["release"] == "--dry-run"


def test_null_means_not_given(tmp_path):
    assert called({"release": None}, tmp_path)["release"] is None


def test_all_problems_of_a_request_are_reported_at_once(tmp_path):
    with pytest.raises(UsageError) as caught:
        arguments(
            {"dryRum": True, "count": "many", "release": ["a", "b"], "atLeast": "huge"},
            tmp_path,
        )
    messages = [problem.message for problem in caught.value.problems]
    assert len(messages) == 4
    assert caught.value.problems[0].hint == "did you mean dryRun?"
    assert any("'many' is not a valid integer" in message for message in messages)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":1,"a":2}', "[" * 5000, "\xff"])
def test_unreadable_request_is_a_usage_error_with_a_result(text, tmp_path, capsys):
    request, result = tmp_path / "req.json", tmp_path / "res.json"
    request.write_text(text, encoding="latin-1")
    assert main.run(["--request", str(request), "--result", str(result), "schema"]) == ExitCode.USAGE
    written = json.loads(result.read_text())
    assert (written["status"], written["exitCode"]) == ("usage", 2)
    assert "Traceback" not in capsys.readouterr().err


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_as_request_is_taken_or_refused_cleanly(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("fuzz") / "request.json"
    file.write_text(json.dumps(value), encoding="utf-8", errors="surrogatepass")
    with contextlib.suppress(UsageError):
        seam.with_request(str(file), verb, [])


def test_unknown_verb_says_what_was_meant(capsys):
    assert main.run(["bild"]) == ExitCode.USAGE
    assert "did you mean build?" in capsys.readouterr().err


def test_result_is_written_for_usage_errors_before_any_verb(tmp_path):
    result = tmp_path / "deep" / "res.json"
    assert main.run(["--result", str(result), "--no-such-flag", "build"]) == ExitCode.USAGE
    assert json.loads(result.read_text())["error"]["kind"] == "usage"


def test_json_prints_only_the_document(capsys):
    assert main.run(["--json", "bild"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["exitCode"] == 2


def test_a_defect_is_internal_and_asks_for_a_report(monkeypatch, tmp_path, capsys):
    @click.command()
    def broken():
        raise ZeroDivisionError("oops")

    module = type(sys)("model_devops.cli.schema")
    module.command = broken
    monkeypatch.setitem(sys.modules, "model_devops.cli.schema", module)
    result = tmp_path / "res.json"
    assert main.run(["--result", str(result), "schema"]) == ExitCode.INTERNAL
    assert "report" in json.loads(result.read_text())["error"]["hint"]
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_with_its_code_and_a_result(signum, code, tmp_path):
    script = (
        "import sys, time, click\n"
        "from model_devops.cli import main\n"
        "@click.command()\n"
        "def slow():\n    print('ready', flush=True)\n    time.sleep(30)\n"
        "module = type(sys)('model_devops.cli.schema'); module.command = slow\n"
        "sys.modules['model_devops.cli.schema'] = module\n"
        f"sys.exit(main.run(['--result', {str(tmp_path / 'r.json')!r}, 'schema']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signum)
    assert process.wait(10) == code
    process.stdout.close()
    assert json.loads((tmp_path / "r.json").read_text())["exitCode"] == code


def test_every_exit_code_has_a_meaning():
    assert set(MEANINGS) == set(ExitCode)


def test_every_verb_exists_and_has_help():
    from importlib import import_module

    for name, help_text in main.VERBS.items():
        assert import_module(f"model_devops.cli.{name}").command.get_short_help_str(), name
        assert help_text.endswith(".")


#: What `--help` imports beyond a bare `import click`. Each module more is time before every step of a pipeline.
HELP_IMPORTS = {
    "_locale",  # gettext, which translates click's words
    "click._textwrap",
    "locale",
    "model_devops",
    "model_devops.cli",
    "model_devops.cli.main",
    "model_devops.cli.output",
    "model_devops.errors",
    "model_devops.progress",
    "model_devops.notices",
    "signal",
    "textwrap",
}


def test_help_imports_click_and_little_else():
    ours = modules_after("from model_devops.cli.main import run; run(['--help'])")
    assert "model_devops.cli.main" in ours
    assert ours - modules_after("import click") <= HELP_IMPORTS


def modules_after(script: str) -> set[str]:
    """What a fresh interpreter has imported after a script."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {script}; sys.stderr.write(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("columns", "longest"), [("60", 58), ("", 78), ("x", 78), ("0", 78), ("90", 82), ("400", 82), ("9", 50)]
)
def test_help_fits_the_width(columns, longest):
    done = subprocess.run(
        [sys.executable, "-m", "model_devops", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": columns},
    )
    assert longest - 12 < max(map(len, done.stdout.splitlines())) <= longest


def test_no_colour_in_pipes():
    process = subprocess.run(
        [sys.executable, "-m", "model_devops", "bild"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "\x1b" not in process.stderr


def test_a_result_file_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    assert main.run(["--result", str(tmp_path / "file" / "res.json"), "bild"]) == ExitCode.USAGE
    assert "can't be written" in capsys.readouterr().err
    assert time.monotonic() - started < 5
