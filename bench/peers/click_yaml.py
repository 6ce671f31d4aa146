"""A click program that reads a file with yaml's C loader and prints it."""

import click
import yaml


@click.command()
@click.argument("file", type=click.Path())
def main(file: str) -> None:
    """Read and print."""
    with open(file, "rb") as stream:
        document = yaml.load(stream, Loader=yaml.CSafeLoader)
    click.echo(yaml.dump(document, Dumper=yaml.CSafeDumper))


main()
