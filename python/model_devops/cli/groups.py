"""Verbs that are groups of verbs: `release show`, `version next`."""

from __future__ import annotations

from typing import Any

import click


class Group(click.Group):
    """A group whose list of verbs is never cut: what doesn't fit a line goes on in the next."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"subcommand_metavar": "VERB [ARGS]..."} | settings)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each verb with the first sentence of its help."""
        known = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.get_short_help_str(200)) for name, verb in known if verb])
