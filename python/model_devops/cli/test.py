"""`test`: measure a release, and judge it by its gates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import as_option, file_option, reason_option, release_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Measure a release with the team's commands, and judge it by its gates.")
@file_option
@store_option
@release_option
@click.option(
    "--accept", multiple=True, metavar="METRIC", help="Accept that this gate can't be compared; needs --reason."
)
@reason_option
@as_option
def command(
    file: Path, store: str | None, release: str | None, accept: tuple[str, ...], reason: str | None, as_: str | None
) -> Result:
    """Test."""
    from model_devops.building.choose import choose
    from model_devops.building.summary import release_fields
    from model_devops.errors import FailedError
    from model_devops.policy.person import who
    from model_devops.project import open_project
    from model_devops.testing.flow import Acceptance, test_release
    from model_devops.testing.running import running_in

    project = open_project(file, store=store)
    chosen = choose(project, release)
    acceptance = Acceptance(list(accept), reason, who(project.build, as_)) if accept else Acceptance()
    try:
        outcome = test_release(project, chosen, acceptance, running_in(project))
    except FailedError as error:
        show(error.details.get("gates", []))
        raise
    show(outcome.evidence.gates)
    for note in outcome.notes:
        output.warn(note)
    text = f"{project.model.name} {chosen.version} passed its test"
    output.say(output.style(text, "green"))
    return Result(
        text,
        release=release_fields(chosen, project.store),
        reports=outcome.reports,
        passed=True,
        gates=outcome.evidence.gates,
        metrics=outcome.evidence.metrics,
        accepted=outcome.evidence.accepted,
        on_release_branch=outcome.evidence.on_release_branch,
    )


def show(gates: Sequence[object]) -> None:
    """The gates as a table, and what is to be said of those that are not plainly passed or missed."""
    from model_devops.release.evidence import GateResult

    results = [gate for gate in gates if isinstance(gate, GateResult)]
    rows = [
        (gate.metric, f"{gate.condition} {gate.limit:g}", _shown(gate.value), _shown(gate.baseline), gate.status)
        for gate in results
    ]
    if rows:
        output.table(rows, ("metric", "gate", "value", "baseline", "result"))
    for gate in results:
        if gate.status in ("no-baseline", "not-comparable", "invalid"):
            output.say(f"  {gate.message}")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
