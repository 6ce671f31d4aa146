"""Every run ends with its exit code and its result, whatever becomes of its output, its files and its process."""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from mini_project import make_mini
from model_devops.cli import main, seam
from model_devops.cli.endings import translate
from model_devops.errors import ExitCode, ModelDevopsError

PROGRAM = [sys.executable, "-I", "-m", "model_devops"]
#: A verb of the test's own in place of `schema`: SCRIPT is its body.
OWN_VERB = """\
import os, signal, subprocess, sys, time, click
from model_devops.cli import main, output
@click.command()
def own():
    SCRIPT
module = type(sys)("model_devops.cli.schema"); module.command = own
sys.modules["model_devops.cli.schema"] = module
sys.exit(main.run(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_mini(tmp_path / "a model").folder


def own_verb(script: str) -> list[str]:
    return [sys.executable, "-c", OWN_VERB.replace("SCRIPT", script.replace("\n", "\n    "))]


def closed(*numbers: int):
    """Close these streams in the program before it begins."""
    return lambda: [os.close(number) for number in numbers]


@pytest.mark.parametrize("numbers", [(1,), (2,), (0, 1), (0, 1, 2)])
def test_a_closed_stream_costs_neither_work_nor_result(numbers: tuple[int, ...], folder: Path) -> None:
    result = folder.parent / "r.json"
    done = subprocess.run([*PROGRAM, "--result", result, "build"], cwd=folder, preexec_fn=closed(*numbers), check=False)
    assert done.returncode == 0
    assert json.loads(result.read_text())["version"] == "1.0.0"
    assert subprocess.run([*PROGRAM, "release", "verify"], cwd=folder, check=False).returncode == 0


def test_what_a_command_prints_goes_into_no_file_where_output_is_closed(tmp_path: Path) -> None:
    """Without a stream in its place, the next file that is opened would get its number."""
    script = "stream = open('mine', 'w')\nsubprocess.run(['echo', 'x'])\nstream.close()"
    done = subprocess.run([*own_verb(script), "schema"], cwd=tmp_path, preexec_fn=closed(1), check=False)
    assert done.returncode == 0
    assert (tmp_path / "mine").read_text() == ""


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_reader_that_has_gone_costs_neither_work_nor_result(arguments: list[str], tmp_path: Path) -> None:
    script = "time.sleep(0)\n[output.say('x' * 9999) for _ in range(99)]\nopen('worked', 'w')"
    reading, writing = os.pipe()
    os.close(reading)
    command = [*own_verb(script), "--result", "r.json", *arguments, "schema"]
    done = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, "Traceback" in done.stderr, "Exception" in done.stderr) == (0, False, False)
    assert (tmp_path / "worked").exists()
    assert json.loads((tmp_path / "r.json").read_text())["exitCode"] == 0


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["version", "show", "--help"]])
def test_a_reader_of_the_help_that_has_gone_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_broken_pipe_of_the_verbs_own_is_an_error(tmp_path: Path) -> None:
    """Click would take it for a reader of the output that has gone, and end as if all were well."""
    command = [*own_verb("raise BrokenPipeError(32, 'Broken pipe', 'git')"), "--result", "r.json", "schema"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.UNREACHABLE
    assert "Broken pipe (git)" in done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["exitCode"] == ExitCode.UNREACHABLE


@pytest.mark.parametrize("arguments", [["config", "show"], ["--json", "config", "show"]])
def test_output_on_a_full_disk_is_no_success(arguments: list[str], folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == ExitCode.UNREACHABLE
    assert "model-devops: the output can't be written: No space left on device" in done.stderr


def test_a_log_on_a_full_disk_is_no_failure_where_the_result_is_a_file(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "--result", "../r.json", "build"], cwd=folder, stdout=full, stderr=full, check=False
        )
    assert done.returncode == 0
    assert json.loads((folder.parent / "r.json").read_text())["version"] == "1.0.0"


@pytest.mark.parametrize("place", ["a/b c/r.json", "größe ☃/r é.json", "r.json"])
def test_the_result_file_may_lie_anywhere(place: str, folder: Path) -> None:
    done = subprocess.run([*PROGRAM, "--result", place, "config", "show"], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0
    assert json.loads((folder / place).read_text())["exitCode"] == 0


def test_a_link_to_the_result_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("r.json")
    assert main.run(["--result", str(tmp_path / "link.json"), "schema"]) == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "r.json").read_text())["exitCode"] == 0


@pytest.mark.parametrize("place", ["", "folder", "pipe", "file/r.json", "x" * 300])
def test_where_no_result_can_be_written_nothing_is_done(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "file").write_text("")
    assert main.run(["--result", place, "build", "--prerelease"]) == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert shown.startswith("model-devops: the result file")
    assert shown.count("the result file") == 1
    assert not (folder / "model").exists()
    assert (folder / "pipe").is_fifo()


def test_a_full_disk_of_the_result_is_said_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("model_devops.adapters.files.write_atomic", full)
    assert main.run(["--result", str(tmp_path / "r.json"), "schema"]) == ExitCode.UNREACHABLE
    assert "r.json can't be written: No space left on device" in capsys.readouterr().err
    assert main.run(["--result", str(tmp_path / "r.json"), "bild"]) == ExitCode.USAGE


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_while_things_are_made_consistent_is_ignored(again: signal.Signals, tmp_path: Path) -> None:
    script = (
        "try:\n    print('ready', flush=True)\n    time.sleep(30)\n"
        "finally:\n    print('cleaning', flush=True)\n    sys.stdin.readline()\n    open('clean', 'w')"
    )
    command = [*own_verb(script), "--result", "r.json", "schema"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(again)
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.wait(20) == 143
    assert (tmp_path / "clean").exists()
    assert json.loads((tmp_path / "r.json").read_text())["status"] == "terminated"


def test_what_is_started_after_a_signal_can_be_ended_by_one(tmp_path: Path) -> None:
    """What ran before is started again then: it must not inherit that signals are ignored."""
    script = (
        "try:\n    os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)\n"
        "finally:\n    subprocess.run(['sh', '-c', 'kill -TERM $$; echo ignored'], stdout=sys.stderr)"
    )
    done = subprocess.run([*own_verb(script), "schema"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 143
    assert "ignored" not in done.stderr


@pytest.mark.parametrize("option", ["--result", "--request", "--json"])
@pytest.mark.parametrize("verb", [["status"], ["version", "show"]])
def test_an_option_of_all_verbs_given_after_the_verb_says_where_it_stands(
    option: str, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*verb, option, "r.json"]) == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert f"{option} stands before the verb" in shown
    assert f"next: model-devops {option}" in shown


def commands() -> list[tuple[list[str], click.Command]]:
    """Every verb, and every verb of a verb."""
    found: list[tuple[list[str], click.Command]] = []
    for name in main.VERBS:
        command = import_module(f"model_devops.cli.{name}").command
        if isinstance(command, click.Group):
            found += [([name, inner], each) for inner, each in command.commands.items()]
        else:
            found.append(([name], command))
    return found


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda value: " ".join(value) if value is list else None)
@pytest.mark.parametrize("form", ["camel", "kebab"])
def test_every_option_of_every_verb_is_a_key_of_its_request(
    form: str, words: list[str], command: click.Command, tmp_path: Path
) -> None:
    """In both forms, and reaching the parameter that the flag reaches."""
    request, expected = {}, {}
    for parameter in command.params:
        name = max(parameter.opts, key=len).removeprefix("--")
        head, *rest = name.replace("_", "-").split("-")
        key = head + "".join(part.capitalize() for part in rest) if form == "camel" else "-".join([head, *rest])
        many = parameter.nargs == -1 or getattr(parameter, "multiple", False)
        value = sample(parameter)
        request[key] = [value] if many else value
        expected[parameter.name] = (value,) if many else value
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request))
    outer = import_module(f"model_devops.cli.{words[0]}").command
    _, arguments = seam.with_request(str(file), outer, words[1:])
    assert arguments[: len(words) - 1] == words[1:]
    parsed = command.make_context("x", arguments[len(words) - 1 :]).params
    assert {name: plain(value) for name, value in parsed.items()} == {
        name: plain(value) for name, value in expected.items()
    }


#: For options that take some words only, and say so when they are parsed.
SAMPLES = {"--status": "ok", "--previous": "ok"}


def sample(parameter: click.Parameter) -> object:
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return True
    if isinstance(parameter.type, click.Choice):
        return parameter.type.choices[-1]
    if isinstance(parameter.type, click.Path):
        return "."
    return 7 if parameter.type.name.startswith("integer") else SAMPLES.get(parameter.opts[0], "a=b")


def plain(value: object) -> object:
    return tuple(map(plain, value)) if isinstance(value, (tuple, list)) else str(value)


def test_flags_of_the_command_line_win_beside_arguments_of_the_request(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"environment": "--odd", "release": "1.0.0"}')
    command = import_module("model_devops.cli.deploy").command
    _, arguments = seam.with_request(str(file), command, ["--release", "2.0.0"])
    parsed = command.make_context("deploy", arguments).params
    assert (parsed["environment"], parsed["release"]) == ("--odd", "2.0.0")


def test_the_argument_after_two_dashes_stays_one(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"release": "1.0.0"}')
    command = import_module("model_devops.cli.deploy").command
    _, arguments = seam.with_request(str(file), command, ["--", "--odd"])
    assert command.make_context("deploy", arguments).params["environment"] == "--odd"


def test_system_errors_have_the_code_that_helps() -> None:
    found = [translate(OSError(number, "words", "x")) for number in (13, 28, 30, 104)]
    assert [(error.code, error.kind) for error in found if isinstance(error, ModelDevopsError)] == [
        (ExitCode.USAGE, "file"),
        (ExitCode.UNREACHABLE, "disk-full"),
        (ExitCode.USAGE, "file"),
        (ExitCode.UNREACHABLE, "system"),
    ]
