"""Help: whole sentences, options whose values have a name, and the words that people type to get it."""

import re
from collections.abc import Iterator
from importlib import import_module

import click
import pytest

from model_devops.cli import main


def verbs(prefix: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, ...]]:
    yield prefix
    if isinstance(command, click.Group):
        for name, verb in command.commands.items():
            yield from verbs((*prefix, name), verb)


VERBS = [found for name in main.VERBS for found in verbs((name,), import_module(f"model_devops.cli.{name}").command)]


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main.run([*words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", ["50", "100"])
@pytest.mark.parametrize("verb", [(), *VERBS], ids=" ".join)
def test_help_is_never_cut_and_names_every_value(verb, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    text = shown(capsys, *verb, "--help")
    told = text.partition("\n\n")[2]
    assert not re.search(r"\w\.\.\.$", told, re.MULTILINE), "a sentence is cut"
    assert not re.search(
        r"^ +(-\w, )?--[\w-]+ (TEXT|PATH|INTEGER|FLOAT)", told.replace("--jenkinsfile PATH", ""), re.MULTILINE
    )


@pytest.mark.parametrize("verb", [(), ("deploy",), ("release",), ("release", "show")], ids=" ".join)
def test_help_comes_before_a_verb_as_well(verb, capsys):
    assert shown(capsys, "help", *verb) == shown(capsys, *verb, "--help")


def test_help_of_what_is_no_verb_names_what_was_meant(capsys):
    assert main.run(["help", "bild"]) == 2
    assert "did you mean build?" in capsys.readouterr().err
