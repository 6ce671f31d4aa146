"""A click program that does nothing: what start-up can cost at least."""

import click


@click.command()
def main() -> None:
    """Do nothing."""


main()
