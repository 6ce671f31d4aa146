"""Every way in which a run can end, as one of our errors."""

from __future__ import annotations

import errno

import click

from model_devops.adapters.paths import unusable
from model_devops.errors import InterruptedBySignal, ModelDevopsError, UnreachableError, UsageError

#: Options of every verb, which stand before it.
_BEFORE_THE_VERB = {
    "--request": "model-devops --request FILE VERB …",
    "--result": "model-devops --result FILE VERB …",
    "--json": "model-devops --json VERB …",
}


def translate(error: BaseException) -> ModelDevopsError:
    """Any ending as one of ours; what isn't expected is a defect of this program (1)."""
    if isinstance(error, ModelDevopsError):
        return error
    if isinstance(error, click.ClickException):
        return _wrong_call(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return InterruptedBySignal(2)
    if isinstance(error, OSError) and error.errno is not None:
        return unusable(error) or _system(error)
    return ModelDevopsError(
        f"{type(error).__name__}: {error}", hint="this is a defect of model-devops: please report it with this output"
    )


def _wrong_call(error: click.ClickException) -> UsageError:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return UsageError(f"no verb or argument given\n\n{error.ctx.get_help()}")
    context = getattr(error, "ctx", None)
    hint = f"see `{context.command_path} --help`" if context else None
    if isinstance(error, click.NoSuchOption) and error.option_name in _BEFORE_THE_VERB:
        return UsageError(f"{error.option_name} stands before the verb", hint=_BEFORE_THE_VERB[error.option_name])
    return UsageError(error.format_message(), hint=hint)


def _system(error: OSError) -> ModelDevopsError:
    where = f" ({error.filename})" if error.filename else ""
    message = f"{error.strerror or error}{where}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnreachableError(message, kind="disk-full", hint="free some space and run this again")
    if error.errno in (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOENT,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
    ):
        return UsageError(message, kind="file", hint="check that the path exists and may be read and written")
    return UnreachableError(message, kind="system")


def unwritable(what: str, error: OSError) -> ModelDevopsError:
    """The error for something of the caller's that can't be written."""
    known = translate(error)
    return type(known)(f"{what} can't be written: {error.strerror or error}", kind=known.kind, hint=known.hint)
