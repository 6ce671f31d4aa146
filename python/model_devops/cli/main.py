"""The command line: finds a verb's module when the verb runs, and ends every run in one way.

Whatever happens, the result file is written, the message says what to do next, and the exit code is
one of `errors.ExitCode`.
"""

from __future__ import annotations

import signal
from importlib import import_module
from types import FrameType
from typing import Any

import click

from model_devops import __version__, notices, progress
from model_devops.errors import ExitCode, InterruptedBySignal, ModelDevopsError

#: All verbs with their help, so that `--help` imports none of them. Module: cli/<name>.py.
VERBS = {
    "init": "Look at a folder and write a model.yaml and a Jenkinsfile for it.",
    "schema": "Print the JSON Schema of model.yaml.",
    "config": "Show the configuration that is in force.",
    "hash": "Print the digest of an artifact, file or folder.",
    "verify": "Compare the workspace with a release, byte for byte.",
    "runtime": "Make the virtual environment of the team's commands.",
    "check": "Check code and model before anything is built.",
    "build": "Make a release from this commit, or return the one that stands for it.",
    "test": "Test a release against its gates and what runs.",
    "approve": "Approve or reject a release for an environment.",
    "render": "Print the Kubernetes objects of an environment, checked.",
    "plan": "Say what a deployment would change and which conditions fail.",
    "deploy": "Roll a release out to an environment and prove what runs.",
    "rollback": "Return an environment to an earlier verified release.",
    "stop": "Make an environment run nothing.",
    "status": "Say what runs where, and whether it still is what was deployed.",
    "history": "List what ran in an environment, and how often it changes.",
    "unlock": "Take the lock of an environment from a run that holds it.",
    "unblock": "Let a release that was rolled back return to an environment.",
    "adopt": "Let an environment take releases from this repository.",
    "version": "Show, list and explain versions.",
    "key": "Make and show keys that statements are signed with.",
    "release": "Show, list, verify, copy, revoke and prune releases.",
    "push": "Copy a release with its evidence to another store.",
    "pull": "Put the files of a release into a folder, verified.",
    "notify": "Tell people how a build ended, and who broke it.",
    "jenkins": "Make, start and follow a model's jobs on Jenkins.",
    "store": "Show, join and accept what the store of releases holds.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the flow."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb; `--help` on the group needs only a name and a line."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"model_devops.cli.{cmd_name}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`help` and `help VERB`, as people type it."""
        return super().parse_args(ctx, [*args[1:], "--help"] if args[:1] == ["help"] else args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, and put the request file's options before those of the command line."""
        if args[0] not in VERBS:
            from model_devops.cli import seam

            raise seam.unknown("verb", args[0], list(VERBS))
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and ctx.params.get("request"):
            from model_devops.cli import seam

            command, rest = seam.with_request(ctx.params["request"], command, rest)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb. Click takes every broken pipe for a reader of the help that has gone; a verb's own is none."""
        help_asked = bool({"-h", "--help"} & set(ctx.args))
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            if help_asked:
                raise
            from model_devops.cli.endings import translate

            raise translate(error) from error


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="VERB [ARGS]...",
    epilog="`model-devops help VERB` explains one.",
)
@click.version_option(__version__, "--version", "-V", message="%(version)s")
@click.option("--request", metavar="FILE", help="A JSON object with the verb's options.")
@click.option("--result", metavar="FILE", help="Where to write the result document, also on failure.")
@click.option("--json", "as_json", is_flag=True, help="Print the result document instead of text for people.")
def root(**_options: Any) -> None:
    """Deliver AI models so that a release is a proof: what runs is what was tested."""


def run(argv: list[str]) -> int:
    """Run one verb and return its exit code. The only place that catches everything."""
    from model_devops.cli import output

    result_file, as_json = _early(argv)
    output.start(as_json)
    notices.send_to(output.warn)
    progress.show_with(output.bar)
    _handle_signals()
    if unwritable := _unwritable(result_file):
        return _failed(unwritable, None, as_json)
    try:
        try:
            result = root.main(argv, prog_name="model-devops", standalone_mode=False, terminal_width=output.width())
        finally:
            _ignore_signals()  # what is done is done, and its result is written
        if isinstance(result, int) and not (result_file or as_json):  # --help and --version
            return result
        return _finished(result, result_file, as_json)
    except SystemExit:  # click's answer to a reader of the help that has gone
        return 0
    except BaseException as error:  # noqa: BLE001  every ending becomes a result and an exit code
        return _failed(error, result_file, as_json)


def _unwritable(result_file: str | None) -> ModelDevopsError | None:
    """Why nothing may be begun: its result could not be written."""
    if result_file is None:
        return None
    from model_devops.cli import seam

    try:
        seam.make_room(result_file)
    except ModelDevopsError as error:
        return error
    return None


def _finished(result: Any, result_file: str | None, as_json: bool) -> int:
    from model_devops.cli import output, seam

    known = result if isinstance(result, seam.Result) else seam.Result("")
    try:
        seam.write(seam.document(known), result_file, as_json)
        if result_file is None:
            output.refuse_lost()
    except ModelDevopsError as error:
        return _failed(error, None, False)
    return 0


def _failed(error: BaseException, result_file: str | None, as_json: bool) -> int:
    from model_devops.cli import seam
    from model_devops.cli.endings import translate

    known = translate(error)
    code = getattr(known, "exit_code", known.code)
    try:
        seam.write(seam.failure(known, code), result_file, as_json)
    except ModelDevopsError as unwritable:
        seam.explain(unwritable)
    seam.explain(known, error if code is ExitCode.INTERNAL else None)
    return int(code)


def _early(argv: list[str]) -> tuple[str | None, bool]:
    """`--result` and `--json` as given before the verb, read even where the rest can't be parsed."""
    result = None
    rest = iter(argv)
    as_json = False
    for word in rest:
        if word == "--result":
            result = next(rest, None)
        elif word.startswith("--result="):
            result = word.partition("=")[2]
        elif word == "--request":
            next(rest, None)
        elif word == "--json":
            as_json = True
        elif not word.startswith("-"):
            break
    return result, as_json


def _handle_signals() -> None:
    """SIGINT and SIGTERM become an exception once; a second one while cleaning up is ignored."""

    def stop(signum: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise InterruptedBySignal(signum)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _ignore_signals() -> None:
    """By a handler that does nothing: processes that are started from now on would inherit SIG_IGN."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if callable(signal.getsignal(number)):
            signal.signal(number, lambda *_: None)
