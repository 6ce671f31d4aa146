"""`make demo`: a real model's whole life on this machine, each act checked. Fails if any act turns out otherwise."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from contained import CONTAINED
from stage import OtherwiseError, Stage
from story import ACTS
from tampering import TAMPERING


def _stop(signum: int, _frame: FrameType | None) -> None:
    """Leave through the stage's clean-up; a second signal there changes nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + signum)


def set_up(stage: Stage) -> None:
    """Make the virtual environment of the example's own commands: the only part that needs an index of packages."""
    print("Set-up")
    stage.do("runtime")
    stage.do("check")


def play(stage: Stage) -> None:
    """All acts in order."""
    set_up(stage)
    started = time.monotonic()
    acts = [*ACTS, *(CONTAINED if stage.base else []), *TAMPERING]
    for number, (title, act) in enumerate(acts, start=1):
        print(f"\n{number}. {title}", flush=True)
        act(stage)
    print(f"\nAll {len(acts)} acts as told, in {time.monotonic() - started:.0f} s.")


def _where(arguments: list[str]) -> tuple[str | None, Path | None, str | None]:
    """Another store than the default one and where its bytes lie here, and what releases are laid on as images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="oci://HOST/PATH")
    parser.add_argument("--bytes-in", type=Path, help="the folder on this machine that the store's bytes are in")
    parser.add_argument("--containers", metavar="BASE", help="end in images on this one; needs --store and Docker")
    given = parser.parse_args(arguments)
    return given.store, given.bytes_in, given.containers


def main() -> int:
    """Play, and clean up whatever happens."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    stage = Stage(*_where(sys.argv[1:]))
    try:
        with stage:
            play(stage)
    except OtherwiseError as error:
        print(f"\nThe story turned out otherwise: {error}", file=sys.stderr)
        return 1
    left = stage.processes()
    if left:
        print(f"Left running: {left}", file=sys.stderr)
        return 1
    print("Nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
