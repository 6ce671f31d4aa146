"""`key`: make and show the keys that statements are signed with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_devops.cli import output
from model_devops.cli.groups import Group
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.adapters.keys import PublicKey


@click.group(cls=Group, help="Make and show keys that statements are signed with.")
def command() -> None:
    """Group of the sub-verbs."""


@command.command(help="Make a private key that only you may read. An existing file is never overwritten.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--type",
    "kind",
    type=click.Choice(["p256", "ed25519"]),
    default="p256",
    show_default=True,
    help="ECDSA on P-256, or Ed25519.",
)
@click.option(
    "--password",
    "locked",
    is_flag=True,
    help="Encrypt it. The password is that in MODEL_DEVOPS_SIGNING_PASSWORD, else it is asked for.",
)
def create(file: Path, kind: Any, locked: bool) -> Result:
    """The public part is printed."""
    from model_devops.adapters import keys

    key = keys.create(file, kind, _password() if locked else None)
    output.say(f"{file} is the private key: nobody else needs it. `model-devops key show {file}` prints this again:")
    return _shown(key, file)


@command.command(help="Print the public part of a key. Default: the one that statements are signed with here.")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
def show(file: Path | None) -> Result:
    """For a file in the repository that `signed_by` names, or for cosign."""
    from model_devops.adapters import keys
    from model_devops.errors import UsageError

    if file is not None:
        return _shown(keys.read_key(file, os.environ.get(keys.PASSWORD)), file)
    signer = keys.from_environment()
    if signer is None:
        raise UsageError(
            f"nothing is signed here: {keys.KEY} is not set",
            kind="key",
            hint="name a file: model-devops key show FILE",
        )
    return _shown(signer.public, None)


def _shown(key: PublicKey, file: Path | None) -> Result:
    """Whatever comes before a key in PEM is passed over by its readers, so that all of this can be one file."""
    output.say(f"# {key.kind} {key.fingerprint}")
    output.say(key.pem.strip())
    return Result(
        f"{key.kind} {key.fingerprint}",
        fingerprint=key.fingerprint,
        type=key.kind,
        public=key.pem,
        file=str(file) if file else None,
    )


def _password() -> str:
    from model_devops.adapters.keys import PASSWORD
    from model_devops.errors import UsageError

    given = os.environ.get(PASSWORD)
    if given and given.splitlines() != [given]:
        hint = f"take it off: export {PASSWORD}=$(cat FILE) does"
        raise UsageError(f"the password in {PASSWORD} has a line break", kind="key", hint=hint)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError("there is no password", kind="key", hint=f"give it in {PASSWORD}, or run this on a terminal")
    return str(click.prompt("Password of the key", hide_input=True, confirmation_prompt=True, err=True))
