"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

file_option = click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path),
    default=Path("model.yaml"),
    show_default=True,
    help="The model's model.yaml.",
)
store_option = click.option("--store", help="Where releases lie: a folder.")
release_option = click.option("--release", help="A version or release digest; default: the one this build made.")
reason_option = click.option("--reason", help="Why; recorded as evidence.")
