"""A click program that reads a file with yaml's C loader and prints it."""

import click
import yaml


@click.command()
@click.argument("file", type=click.File("rb"))
def main(file: click.utils.LazyFile) -> None:
    """Read and print."""
    click.echo(yaml.dump(yaml.load(file, Loader=yaml.CSafeLoader), Dumper=yaml.CSafeDumper))


main()
