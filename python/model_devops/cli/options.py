"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

file_option = click.option(
    "-f",
    "--file",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("model.yaml"),
    show_default=True,
    help="The model's model.yaml.",
)
store_option = click.option("--store", metavar="STORE", help="Where releases lie: a folder, or oci://HOST/PATH.")
release_option = click.option(
    "--release", metavar="VERSION", help="A version or release digest; default: the one this build made."
)
_WHY = "Why; it is recorded."
reason_option = click.option("--reason", metavar="WHY", help=_WHY)


def _not_blank(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("a reason is needed")
    return value.strip()


required_reason_option = click.option("--reason", metavar="WHY", required=True, callback=_not_blank, help=_WHY)
as_option = click.option(
    "--as", "as_", metavar="NAME", help="Who says so, where CI doesn't; default: CI's word, else the login name."
)
