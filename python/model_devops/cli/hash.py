"""`model-devops hash`: the digest of an artifact, file or folder."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli.options import file_option
from model_devops.cli.seam import Result


@click.command(help="Print the digest (v1) of artifacts, files or folders; without any, of all artifacts.")
@click.argument("what", nargs=-1, metavar="[ARTIFACT|PATH]...")
@file_option
@click.option("--files", "listed", is_flag=True, help="List each file, as sha256sum does, instead.")
def command(what: tuple[str, ...], file: Path, listed: bool) -> Result:
    """Hash."""
    from model_devops.cli import output
    from model_devops.config.load import load
    from model_devops.content import lists
    from model_devops.content.digest import digest
    from model_devops.content.hashing import hash_files
    from model_devops.content.subjects import subjects

    found = subjects(load(file) if file.exists() or not what else None, list(what))
    digests, listing = {}, {}
    for subject in found:
        entries = hash_files(subject.files)
        digests[subject.name] = digest(entries, subject.ignore)
        listing[subject.name] = entries
    for name, value in digests.items():
        output.say(lists.dumps(listing[name]).rstrip("\n") if listed else f"{value}  {name}")
    files = {
        name: [{"path": path, "sha256": sha256, "size": size} for path, (sha256, size) in sorted(entries.items())]
        for name, entries in listing.items()
    }
    summary = ", ".join(f"{name} {value}" for name, value in digests.items())
    return Result(summary, digests=digests, files=files if listed else None)
